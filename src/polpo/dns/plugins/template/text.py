"""Of Go's templates what a record needs: `{{ .Name }}`, `{{ .Group.x }}`, `{{ index .Match 1 }}`,
`{{ .Meta "label" }}`,
`{{ parseInt .Group.x 16 10 }}` (as CoreDNS has it: a number from one base in another)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_FIELD = re.compile(r"\.(Name|Zone|Class|Type|Remote)$")
_GROUP = re.compile(r"\.Group\.([A-Za-z0-9_]+)$")
_INDEX = re.compile(r"index\s+\.Match\s+(\d+)$")
_GROUP_INDEX = re.compile(r"index\s+\.Group\s+\"([A-Za-z0-9_]+)\"$")
_META = re.compile(r"\.Meta\s+\"([^\"]+)\"$")
_PARSE = re.compile(r"parseInt\s+(\.[A-Za-z0-9_.]+|\(.+\))\s+(\d+)\s+(\d+)$")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Data(NamedTuple):
    """What a template may say."""

    fields: dict[str, str]
    match: Sequence[str]
    groups: dict[str, str]
    fact: Callable[[str], str]


def check(text: str) -> None:
    """ValueError if the template says anything that is not known here."""
    for found in _ACTION.finditer(text):
        if not _is_known(found[1]):
            raise ValueError(
                f"{found[0]}: known are {{{{ .Name }}}}, .Zone, .Class, .Type, .Remote, "
                ".Group.NAME, index .Match N, parseInt VALUE BASE BASE"
            )


def fill(text: str, data: Data) -> str:
    """ValueError or IndexError if a value is not there."""
    return _ACTION.sub(lambda found: _value(found[1], data), text)


def _is_known(action: str) -> bool:
    parse = _PARSE.match(action)
    if parse is not None:
        return _is_known(parse[1].strip("()"))
    return any(shape.match(action) for shape in (_FIELD, _GROUP, _INDEX, _GROUP_INDEX, _META))


def _value(action: str, data: Data) -> str:
    if (found := _FIELD.match(action)) is not None:
        return data.fields[found[1]]
    if (found := _GROUP.match(action) or _GROUP_INDEX.match(action)) is not None:
        return data.groups.get(found[1], "")
    if (found := _INDEX.match(action)) is not None:
        return data.match[int(found[1])]
    if (found := _META.match(action)) is not None:
        return data.fact(found[1])
    found = _PARSE.match(action)
    if found is None:
        raise ValueError(action)
    value = _value(found[1].strip("()"), data)
    return _in_base(int(value, int(found[2])), int(found[3]))


def _in_base(number: int, base: int) -> str:
    if not 2 <= base <= 36:
        raise ValueError(f"base {base}")
    out = ""
    while number or not out:
        number, digit = divmod(number, base)
        out = _DIGITS[digit] + out
    return out
