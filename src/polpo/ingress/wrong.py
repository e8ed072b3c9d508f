"""What is wrong with an object, in words for who wrote it."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(Exception):
    """Of one field or annotation."""


class Complaint(NamedTuple):
    """Becomes an Event on the object. `reason` is one word."""

    kind: str
    key: str
    reason: str
    note: str
