"""Conditions of a status, and whole statuses, as values."""

from __future__ import annotations

from typing import Any, NamedTuple


class Condition(NamedTuple):
    """metav1.Condition without the time of its last turn, which the writer adds."""

    type: str
    status: bool
    reason: str
    message: str = ""

    def of(self, generation: int) -> dict[str, Any]:
        return {
            "type": self.type,
            "status": "True" if self.status else "False",
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": generation,
        }


class Status(NamedTuple):
    """What is to be written of an object. `listed`: the field whose items are shared with other
    controllers (parents, ancestors); "" if all is ours.
    """

    kind: str
    key: str
    uid: str
    body: dict[str, Any]
    listed: str = ""


def yes(type: str, reason: str = "", message: str = "") -> Condition:
    return Condition(type, True, reason or type, message)


def no(type: str, reason: str, message: str = "") -> Condition:
    return Condition(type, False, reason, message)
