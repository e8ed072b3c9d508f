"""Which Gateway has which of our addresses: one of its own each, and it keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from polpo.ingress.gateway.conditions import Condition, no
from polpo.ingress.gateway.objects import Gateway
from polpo.kube.resources import key


class Assigned(NamedTuple):
    """`refused` says why there is no address (yet). `bind` and `ports` (a listener's -> ours) are
    where we listen, if that is not the address itself.
    """

    address: str
    refused: Condition | None = None
    bind: str = ""
    ports: dict[int, int] | None = None

    def door(self, port: int) -> tuple[str, int] | None:
        """Where to listen for it; None: nowhere."""
        if self.ports is not None:
            own = self.ports.get(port)
            return (self.bind, own) if own else None
        return (self.address, port) if self.address and self.refused is None else None


def assigned(gateways: Sequence[Gateway], pool: Sequence[str]) -> dict[str, Assigned]:
    """The older first; by namespace/name. What is in use stays; what is asked for comes before
    what is only free."""
    found: dict[str, Assigned] = {}
    taken: set[str] = set()
    for gateway in gateways:
        wanted = [address.value for address in gateway.spec.addresses if address.value]
        if not all(address.type == "IPAddress" for address in gateway.spec.addresses):
            why = no("Accepted", "UnsupportedAddress", "only addresses of type IPAddress")
            found[key(gateway.metadata)] = Assigned("", why)
            continue
        if wanted:
            mine = next((a for a in wanted if a in pool and a not in taken), "")
            why = no(
                "Programmed", "AddressNotUsable", f"{', '.join(wanted)}: no one of ours is free"
            )
            if mine and len(wanted) > 1:
                why = no("Programmed", "AddressNotUsable", "a Gateway has one address")
            good = bool(mine) and len(wanted) == 1
            found[key(gateway.metadata)] = Assigned(mine, None if good else why)
            taken.add(mine)
    rest = [gateway for gateway in gateways if key(gateway.metadata) not in found]
    for gateway in rest:
        kept = [address for address in _of_status(gateway) if address in pool]
        if kept and kept[0] not in taken:
            found[key(gateway.metadata)] = Assigned(kept[0])
            taken.add(kept[0])
    for gateway in rest:
        if key(gateway.metadata) not in found:
            free = next((address for address in pool if address not in taken), None)
            why = no("Programmed", "AddressNotAssigned", f"all {len(pool)} addresses are in use")
            found[key(gateway.metadata)] = Assigned(free) if free else Assigned("", why)
            taken.update([free] if free else [])
    return found


def _of_status(gateway: Gateway) -> Iterable[str]:
    for address in (gateway.status or {}).get("addresses") or ():
        yield str(address.get("value", ""))
