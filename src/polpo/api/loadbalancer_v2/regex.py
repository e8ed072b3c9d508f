"""Regular expressions of L7 rules: what Python and HAProxy (PCRE2) take, and mean the same by.

A request is found wrong here and not on the host, where none of the load balancer would be taken.
"""

import re
import warnings
from collections.abc import Iterator

_FOREIGN = re.compile(r"\(\?(?!:|=|!|<=|<!|i\))|\\[1-9uUNZ]|\{,\d*\}")
"""Groups, escapes and repetitions that are written in another way in PCRE, or mean something else
there. HAProxy's expressions remember no groups, so that none can be gone back to."""
_PIECE = re.compile(
    r"\\."  # an escaped character
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"  # a set
    r"|\{(?P<least>\d+)(?:,(?P<most>\d*))?\}"
    r"|.",
    re.DOTALL,
)
MOST_TIMES = 1000
"""Of a repetition; PCRE2 counts to 65535."""
CHARACTER, SET, GROUP = 5, 34, 14
LARGEST = 50_000
"""Bytes, about, with what is repeated written out, as PCRE2 does, which has room for 64 KiB."""


def check(text: str) -> None:
    """ValueError, which says what is wrong with it.

    Before it is compiled, those are refused that take `re` long: sets of all of Unicode.
    """
    if not text.isascii():
        raise ValueError(
            f"'{text}' has more than ASCII, which is several bytes of a request: \\xc3\\xa9 for é"
        )
    if _FOREIGN.search(text.replace(r"\\", "_")):
        raise ValueError(f"'{text}' is not a regular expression that all know")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            re.compile(text)
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        raise ValueError(f"'{text}' is not a valid regular expression: {error}") from error
    if any(times > MOST_TIMES for times in _repetitions(text)):
        raise ValueError(f"'{text}' repeats something more than {MOST_TIMES} times")
    if _size(text) > LARGEST:
        raise ValueError(f"'{text}' is too large a regular expression")


def _repetitions(text: str) -> Iterator[int]:
    return (_times(found) for found in _PIECE.finditer(text) if found["least"])


def _times(found: re.Match[str]) -> int:
    return int(found["most"] or found["least"])


def _size(text: str) -> int:
    """Of one that `re` takes."""
    around: list[int] = []  # sizes of what is open, up to the group that is in it
    whole, last = 0, 0  # of the innermost, and of its last piece
    for found in _PIECE.finditer(text):
        piece = found[0]
        if piece == "(":
            around.append(whole)
            whole = 0
            continue
        if piece == ")":
            last = whole + GROUP
            whole = around.pop() + last
        elif found["least"]:
            whole += max(_times(found) - 1, 0) * last
        else:
            last = SET if piece[0] == "[" else CHARACTER
            whole += last
    return whole
