"""Regular expressions that may be asked of any path: those that cannot take long.

HAProxy asks PCRE2, which goes back and tries again: a repetition within a repetition can take it
for ever (`(a+)+$`). What may be written is what can be seen not to: no repetition inside another,
no looking around, no references to groups, few that have no end.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from polpo.ingress.wrong import Wrong

codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")
LONGEST = 512
ENDLESS = 4
"""With so many of them, and a path of 7,800 characters made to fit nearly, HAProxy was done in
53 ms (measured): PCRE2 ends a search after ten million steps."""
_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)}
_REFUSED = {
    codes.ASSERT: "looking ahead or behind",
    codes.ASSERT_NOT: "looking ahead or behind",
    codes.GROUPREF: "a reference to a group",
    codes.GROUPREF_EXISTS: "a reference to a group",
}


def checked(text: str) -> str:
    """The same. Wrong if it is none, or may take long."""
    if len(text) > LONGEST:
        raise Wrong(f"a regular expression of more than {LONGEST} characters")
    if not text.isprintable():
        raise Wrong("a regular expression with characters that can't be printed")
    try:
        parsed = parser.parse(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"no regular expression: {error}") from None
    endless = _endless(list(parsed), False)
    if endless > ENDLESS:
        raise Wrong(f"a regular expression with more than {ENDLESS} repetitions without an end")
    return text


def groups(text: str) -> int:
    """How many parts of it are taken up."""
    return re.compile(text).groups


def _endless(items: list[Any], repeated: bool) -> int:
    """How many repetitions without an end are in it."""
    count = 0
    for code, value in items:
        if code in _REFUSED:
            raise Wrong(f"a regular expression with {_REFUSED[code]}")
        if code in _REPEATS:
            _least, most, inner = value
            many = most is codes.MAXREPEAT or most > 1
            if many and repeated:
                raise Wrong("a regular expression with a repetition inside another")
            count += most is codes.MAXREPEAT or most > 100
            count += _endless(list(inner), repeated or many)
        elif code is codes.BRANCH:
            count += sum(_endless(list(branch), repeated) for branch in value[1])
        elif code is codes.SUBPATTERN:
            count += _endless(list(value[-1]), repeated)
        elif getattr(codes, "ATOMIC_GROUP", None) is code:
            count += _endless(list(value), repeated)
    return count
