"""Regular expressions that may be asked of any path: those that cannot take long.

HAProxy asks PCRE2, which goes back and tries again: a repetition within a repetition can take it
for ever (`(a+)+$`). What may be written is what can be seen not to: no repetition inside another,
no looking around, no references to groups, few that have no end.

And what both Python, which looks at it here, and PCRE2 read alike: one that HAProxy does not take
would keep everybody's changes out.
"""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from typing import Any

from polpo.ingress.wrong import Wrong

codes: Any = import_module("re._constants")
parser: Any = import_module("re._parser")
LONGEST = 512
ENDLESS = 4
"""With so many of them, and a path of 7,800 characters made to fit nearly, HAProxy was done in
53 ms (measured): PCRE2 ends a search after ten million steps."""
MOST = 1000
"""Of a repetition that has an end; PCRE2 knows 65,535."""
LARGEST = 30_000
"""Bytes of what PCRE2 makes of it, by a generous guess; it can have 65,535."""
GROUPS = 100
"""PCRE2 takes 250, one in another."""
_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)}
_REFUSED = {
    codes.ASSERT: "looking ahead or behind",
    codes.ASSERT_NOT: "looking ahead or behind",
    codes.GROUPREF: "a reference to a group",
    codes.GROUPREF_EXISTS: "a reference to a group",
}
_SIZES = {codes.IN: 44, codes.BRANCH: 10, codes.SUBPATTERN: 16}
_ESCAPE = re.compile(r"\\(?:[dDwWsSbBAZnrtfv]|x[0-9A-Fa-f]{2}|[^\w\s])", re.ASCII)
_GROUP = re.compile(r"\((?!\?)|\(\?(?::|i:|>|P<\w{1,32}>)", re.ASCII)
_CLASS = re.compile(r"\[\^?\]?")
_POSIX = re.compile(r"\[[:.=]")


def checked(text: str) -> str:
    """The same. Wrong if it is none, or may take long."""
    if len(text) > LONGEST:
        raise Wrong(f"a regular expression of more than {LONGEST} characters")
    if not text.isprintable():
        raise Wrong("a regular expression with characters that can't be printed")
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = list(parser.parse(text))
    except (re.error, RecursionError, OverflowError) as error:
        raise Wrong(f"no regular expression: {error}") from None
    endless = _endless(parsed, False)
    if endless > ENDLESS:
        raise Wrong(f"a regular expression with more than {ENDLESS} repetitions without an end")
    if text.count("(") > GROUPS:
        raise Wrong(f"a regular expression with more than {GROUPS} groups")
    if _size(parsed) > LARGEST:
        raise Wrong("a regular expression that repeats too much")
    _check_words(text)
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
            least, most, _inner = value
            many = most is codes.MAXREPEAT or most > 1
            if many and repeated:
                raise Wrong("a regular expression with a repetition inside another")
            if max(least, 0 if most is codes.MAXREPEAT else most) > MOST:
                raise Wrong(f"a regular expression that repeats more than {MOST} times")
            count += most is codes.MAXREPEAT or most > 100
            repeats = repeated or many
        else:
            repeats = repeated
        for inner in _inside(code, value):
            count += _endless(inner, repeats)
    return count


def _inside(code: Any, value: Any) -> list[list[Any]]:
    """What is in a part, in alternatives."""
    if code is codes.BRANCH:
        return [list(branch) for branch in value[1]]
    if code in _REPEATS or code is codes.SUBPATTERN:
        return [list(value[-1])]
    if getattr(codes, "ATOMIC_GROUP", None) is code:
        return [list(value)]
    return []


def _size(items: list[Any]) -> int:
    """A group that is repeated is there as often as it can be."""
    size = 0
    for code, value in items:
        times = 1
        if code in _REPEATS:
            least, most, inner = value
            times = least + 1 if most is codes.MAXREPEAT else max(most, 1)
            if len(inner) == 1 and not _inside(*inner[0]):
                times = 2  # of a single character only the numbers are kept
        inside = sum(_size(part) + _SIZES[codes.BRANCH] for part in _inside(code, value))
        size += _SIZES.get(code, 8) + times * inside
    return size


def _check_words(text: str) -> None:
    """Wrong if there are escapes, groups or classes that PCRE2 reads otherwise, or not at all."""
    at, inside = 0, False
    while at < len(text):
        found: re.Match[str] | None = None
        if text[at] == "\\":
            found = _known(_ESCAPE, text, at, 2)
        elif inside and _POSIX.match(text, at):
            raise Wrong(f"a regular expression with {text[at : at + 2]!r} in a class")
        elif text[at] == "(" and not inside:
            found = _known(_GROUP, text, at, 4)
        elif text[at] == "[" and not inside:
            found, inside = _CLASS.match(text, at), True
        elif text[at] == "]":
            inside = False
        at = found.end() if found else at + 1


def _known(kind: re.Pattern[str], text: str, at: int, length: int) -> re.Match[str]:
    found = kind.match(text, at)
    if found is None:
        raise Wrong(f"a regular expression with {text[at : at + length]!r}, which is not known")
    return found
