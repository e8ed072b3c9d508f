"""Host names with wildcards: `*.example.com` stands for one label or more. "" is every name."""

from __future__ import annotations


def covers(wide: str, name: str) -> bool:
    """Is all that fits `name` within `wide`?"""
    if not wide or wide == name:
        return True
    return wide.startswith("*.") and name.lstrip("*").endswith(wide[1:])


def intersection(a: str, b: str) -> str | None:
    """Names that fit both; None if there are none."""
    if covers(a, b):
        return b
    return a if covers(b, a) else None


def specificity(name: str) -> tuple[bool, int]:
    """Greater for what is asked first: exact names, then longer wildcards."""
    return bool(name) and not name.startswith("*"), len(name)
