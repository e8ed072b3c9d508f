"""Any text is server blocks or an error with a line."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.parse import Sources, parse
from polpo.dns.plugins.view.expression import compile_expression
from polpo.dns.plugins.view.setup import FUNCTIONS

WORDS = st.sampled_from(
    [".", "a.b", "{", "}", "\n", " ", '"', "#", "import", "(s)", "s", "{args[0]}", "{$X}", ",",
     "\\", "10.0.0.0/9", ":53", "tls://", "errors", "hosts"]
)  # fmt: skip
PIECES = (
    *("name()", "incidr(", "'a'", '"b', "(", ")", "[", "]", ",", "?", ":", "!", "not", "in"),
    *("&&", "or", "==", "<=", "matches", "1", "2.5", "-", "*", "%", "true", "nil", "what", "$"),
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=40).map(" ".join))


@given(TEXTS, TEXTS)
def test_any_text_is_blocks_or_an_error(text: str, imported: str) -> None:
    sources = Sources(lambda pattern, file: [("f", imported)], {"X": "y"})
    with suppress(CorefileError):
        parse(text, sources=sources)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_any_expression_of_a_view_is_one_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        compile_expression(text, FUNCTIONS)
