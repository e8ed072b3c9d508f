"""Text to words: blanks part them, quotes hold them together, `#` begins a comment.

As CoreDNS's own lexer has it: only `\\"` is an escape, and only between quotes; a number sign
outside of quotes begins a comment wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.dns.corefile.block import CorefileError, Token

_WORD = re.compile(r'\s+|#[^\n]*|"((?:\\.|[^"\\])*)"|"|([^\s"#][^\s#]*)', re.DOTALL)


def tokens(text: str, file: str) -> Iterator[Token]:
    """The words of a file. CorefileError if a quote is not closed."""
    line = 1
    for match in _WORD.finditer(text.removeprefix("\ufeff")):
        whole = match[0]
        if match[2] is not None:
            yield Token(whole, file, line)
        elif match[1] is not None:
            yield Token(match[1].replace('\\"', '"'), file, line, quoted=True)
        elif whole == '"':
            raise CorefileError(file, line, "a quote that is not closed")
        line += whole.count("\n")
