"""An answer of our own where nobody can be asked."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.plan import Feature


class Answer(Feature, frozen=True):
    code: int

    def lines(self, name: str) -> Iterator[str]:
        yield f"http-request return status {self.code}"
