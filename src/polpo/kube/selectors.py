"""Label selectors: the API's text (`a=b,c in (d,e),!f`) and the objects' form, as requirements.

Grammar and meaning are those of "Labels and Selectors" in Kubernetes' documentation: an inequality
and a `notin` also hold where the label is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from polpo.kube.objects import Struct

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"(?:{_NAME})?")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_PAIR = re.compile(r"(?P<key>[^=!<>\s]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^=!<>\s]*)")
_OPERATORS = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_OPERATORS |= {"in": "In", "notin": "NotIn"}


class Requirement(NamedTuple):
    """`operator` is In, NotIn, Exists, DoesNotExist, Gt or Lt (numbers)."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class Expression(Struct, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] | None = None


class LabelSelector(Struct, frozen=True):
    """metav1.LabelSelector; an empty one selects all."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Expression, ...] | None = None


def parse(text: str) -> tuple[Requirement, ...]:
    """Raises ValueError that says which part is wrong."""
    return tuple(_requirement(part) for part in _parts(text))


def requirements(selector: LabelSelector) -> tuple[Requirement, ...]:
    """What an object's selector asks for."""
    equal = [Requirement(k, "In", (v,)) for k, v in sorted((selector.match_labels or {}).items())]
    others = selector.match_expressions or ()
    return (*equal, *(Requirement(e.key, e.operator, e.values or ()) for e in others))


def matches(wanted: Iterable[Requirement], labels: Mapping[str, str] | None) -> bool:
    """Do all hold?"""
    return all(_holds(requirement, labels or {}) for requirement in wanted)


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    value = labels.get(key)
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    return _compared(operator, value, values[0])


def _compared(operator: str, value: str | None, than: str) -> bool:
    try:
        have, bound = int(value or ""), int(than)
    except ValueError:
        return False
    return have > bound if operator == "Gt" else have < bound


def _parts(text: str) -> list[str]:
    """At commas, but not at those in parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    if parts == [""]:
        return []
    return [part.strip() for part in parts]


def _requirement(part: str) -> Requirement:
    if found := _SET.fullmatch(part):
        values = tuple(sorted(value.strip() for value in found["values"].split(",")))
        return _checked(part, found["key"], _OPERATORS[found["operator"]], values)
    if found := _PAIR.fullmatch(part):
        return _checked(part, found["key"], _OPERATORS[found["operator"]], (found["value"],))
    if part.startswith("!"):
        return _checked(part, part[1:].strip(), "DoesNotExist", ())
    return _checked(part, part, "Exists", ())


def _checked(part: str, key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{part!r}: {key!r} is no label's key")
    for value in values:
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{part!r}: {value!r} is no label's value")
        if operator in ("Gt", "Lt") and not value.lstrip("-").isdigit():
            raise ValueError(f"{part!r}: {value!r} is no number")
    return Requirement(key, operator, values)
