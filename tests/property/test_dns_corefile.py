"""Any text is server blocks or an error with a line."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.parse import Sources, parse

WORDS = st.sampled_from(
    [".", "a.b", "{", "}", "\n", " ", '"', "#", "import", "(s)", "s", "{args[0]}", "{$X}", ",",
     "\\", "10.0.0.0/9", ":53", "tls://", "errors", "hosts"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=40).map(" ".join))


@given(TEXTS, TEXTS)
def test_any_text_is_blocks_or_an_error(text: str, imported: str) -> None:
    sources = Sources(lambda pattern, file: [("f", imported)], {"X": "y"})
    with suppress(CorefileError):
        parse(text, sources=sources)
