"""How long an application may take."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.plan import Feature

CONNECT_MS = 5000
LONGEST_MS = 2**31 - 1


class Waiting(Feature, frozen=True):
    """Until an answer begins, and between its parts; 0: as long as it takes."""

    ms: int

    def lines(self, name: str) -> Iterator[str]:
        yield f"timeout server {self.ms or LONGEST_MS}ms"
        if self.ms and self.ms < CONNECT_MS:
            yield f"timeout connect {self.ms}ms"
            yield f"timeout queue {self.ms}ms"
