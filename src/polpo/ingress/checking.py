"""What of a cluster's Ingresses will not carry over: `polpo ingress check`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from polpo.ingress.annotations import Annotations
from polpo.ingress.carrying import findings
from polpo.ingress.compile import compiled
from polpo.ingress.objects import Ingress
from polpo.ingress.state import State
from polpo.kube.resources import key


class Line(NamedTuple):
    """Of one Ingress; `carries` as of findings."""

    ingress: str
    what: str
    carries: str
    why: str


def lines(state: State, ingresses: Iterable[Ingress]) -> Iterator[Line]:
    """Annotations by name, then what else would be said of the Ingress."""
    listed = sorted(ingresses, key=lambda ingress: key(ingress.metadata))
    for ingress in listed:
        for found in findings(Annotations(ingress.metadata.annotations).all):
            yield Line(key(ingress.metadata), found.annotation, found.carries, found.why)
    for complaint in compiled(state, listed).complaints:
        if not complaint.note.startswith("annotation "):
            yield Line(complaint.key, complaint.reason, "no", complaint.note)
