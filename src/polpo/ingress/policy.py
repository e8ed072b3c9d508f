"""Annotations -> a backend's policy."""

from __future__ import annotations

from typing import NamedTuple

from polpo.ingress.annotations import Annotations
from polpo.ingress.features import redirect
from polpo.ingress.features.asking import Asking
from polpo.ingress.features.every import EVERY
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong

PROTOCOLS = {
    "": "http",
    "HTTP": "http",
    "AUTO_HTTP": "http",
    "HTTPS": "https",
    "GRPC": "h2c",
    "GRPCS": "h2",
}


class Read(NamedTuple):
    """`answers`: no Service is asked. `problem`: why nobody is let in. `notes` for people."""

    policy: tuple[Feature, ...]
    protocol: str
    answers: bool
    problem: str
    notes: tuple[str, ...]


def read(given: Annotations, asking: Asking) -> Read:
    """What can't be read is left out, and said; what guards is not: then nobody comes in."""
    found: list[Feature] = []
    notes: list[str] = []
    problem = ""
    for kind in EVERY:
        try:
            feature = kind.read(given, asking)
            if feature is not None:
                _try(feature)
                found.append(feature)
        except (Wrong, ValueError) as wrong:
            notes.append(f"{wrong}{'; nobody is let in' if kind.guards else ''}")
            problem = problem or (str(wrong) if kind.guards else "")
    protocol = PROTOCOLS.get(given.text("backend-protocol").upper())
    if protocol is None:
        notes.append(f"backend-protocol: none of {', '.join(filter(None, PROTOCOLS))}; HTTP it is")
    answers = any(isinstance(feature, redirect.Elsewhere) for feature in found)
    return Read(tuple(found), protocol or "http", answers, problem, tuple(notes))


def _try(feature: Feature) -> None:
    """ValueError if HAProxy's words can't be made of it."""
    list(feature.lines("b"))
    list(feature.server())
    list(feature.sections("b"))
