"""Who answers while a Service has nobody who could."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Backend, Feature, Target

KEYS = ("default-backend",)
GUARDS = False


class Otherwise(Feature, frozen=True):
    to: Backend

    def backends(self) -> Iterator[Backend]:
        yield self.to

    def routing(self, name: str) -> Iterator[str]:
        nobody = f"{{ var(txn.route) -m str {name} }} {{ nbsrv({name}) eq 0 }}"
        yield f"http-request set-var(txn.route) str({self.to.name}) if {nobody}"


def read(given: Annotations, asking: Asking) -> Otherwise | None:
    service = given.text("default-backend")
    if not service:
        return None
    return Otherwise(Backend(Target(asking.namespace, service, asking.first_port(service))))
