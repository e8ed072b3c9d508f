"""How large a request's body may be, as far as it says so itself (Content-Length)."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature

KEYS = ("proxy-body-size",)
GUARDS = False


class Size(Feature, frozen=True):
    most_bytes: int

    def lines(self, name: str) -> Iterator[str]:
        length = "req.hdr_val(content-length)"
        yield f"http-request deny deny_status 413 if {{ {length} gt {self.most_bytes} }}"


def read(given: Annotations, asking: Asking) -> Size | None:
    most = given.size("proxy-body-size")
    return Size(most) if most else None
