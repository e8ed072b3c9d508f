"""Names into others, as text with the last dot. Expressions may match with it or without."""

from __future__ import annotations

import re

from polpo.dns.plugins.rewrite.setup import Pattern

_REFERENCE = re.compile(r"\{(\w+)\}")


def matches(pattern: Pattern, name: str) -> bool:
    match pattern.match:
        case "exact":
            return name == pattern.text
        case "prefix":
            return name.startswith(pattern.text)
        case "suffix":
            return name.endswith(pattern.text)
        case "substring":
            return pattern.text in name
    return _search(pattern.text, name) is not None


def replaced(pattern: Pattern, to: str, name: str) -> str | None:
    """The name that this one becomes; None if the pattern does not match."""
    if not matches(pattern, name):
        return None
    match pattern.match:
        case "exact":
            return to
        case "prefix":
            return to + name[len(pattern.text) :]
        case "suffix":
            new = to if to.endswith(".") else f"{to}."
            return name[: len(name) - len(pattern.text)] + new
        case "substring":
            return name.replace(pattern.text, to)
    return substituted(pattern.text, to, name)


def substituted(expression: str, to: str, name: str) -> str | None:
    """`{1}` and `{name}` in `to` are groups of the expression."""
    found = _search(expression, name)
    if found is None:
        return None

    def group(reference: re.Match[str]) -> str:
        key: str | int = int(reference[1]) if reference[1].isdigit() else reference[1]
        try:
            return found[key] or ""
        except (IndexError, KeyError):
            return reference[0]

    new = _REFERENCE.sub(group, to)
    return new if new.endswith(".") else f"{new}."


def _search(expression: str, name: str) -> re.Match[str] | None:
    return re.search(expression, name) or re.search(expression, name.removesuffix("."))
