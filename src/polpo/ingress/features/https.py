"""Who comes without TLS is sent to where there is TLS (ingress-nginx: 308 by default)."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.asked import IS_PLAIN
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature

KEYS = ("ssl-redirect", "force-ssl-redirect", "preserve-trailing-slash")
GUARDS = True


class Https(Feature, frozen=True):
    code: int = 308

    def lines(self, name: str) -> Iterator[str]:
        yield f"http-request redirect scheme https code {self.code} if {IS_PLAIN}"


def read(given: Annotations, asking: Asking) -> Https | None:
    asked = given.flag("ssl-redirect", True)
    if given.flag("force-ssl-redirect") or (asked and asking.has_tls):
        return Https()
    return None
