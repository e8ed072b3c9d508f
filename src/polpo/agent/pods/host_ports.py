"""The host's own port in its pods' network: by it kubelet and the host's programs reach pods.

It is plugged as any port, with the other end of its pair in the host's own namespace
(docs/decisions/0182). The host's default route stays its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from polpo.agent.addressing import addresses
from polpo.agent.plugs import Plug, own
from polpo.agent.target import Target
from polpo.agent.wanted import Wire, Wired
from polpo.kernel import netns
from polpo.kernel.addresses import Route
from polpo.target.rows import Port

DEVICE = "polpo-pods"
DEFAULTS = ("0.0.0.0/0", "::/0")


class HostPorts:
    """One for each cluster; they are functions of nobody else, so `all` is empty."""

    all: ClassVar[Mapping[int, object]] = {}

    def __init__(self, clusters: Sequence[str], name: str, target: Target) -> None:
        self._clusters, self._name, self._target = clusters, name, target
        self._ports: dict[str, Port] = {}

    def look(self) -> None:
        """Follow the target. The host's namespace needs a name to be plugged into."""
        rows = self._target.ports().values()
        self._ports = {row.id: row for row in rows if row.host_of in self._clusters}
        if self._ports:
            netns.name_own(self._name)

    def plugs(self) -> Iterator[Plug]:
        for port in self._ports.values():
            plug = own(port.id, self._name, device(self._clusters.index(port.host_of)))
            yield msgspec.structs.replace(plug, here=True)

    @property
    def devices(self) -> list[str]:
        """Their names in the host's namespace: what its programs see."""
        return [device(self._clusters.index(row.host_of)) for row in self._ports.values()]

    def wires(self, wires: dict[str, Wire], ports: Mapping[str, Wired]) -> dict[str, Wire]:
        """Its routes lead to the cluster's Services, and nowhere else."""
        return {
            name: self._with_services(wire, ports[name].port)
            if ports[name].port.id in self._ports
            else wire
            for name, wire in wires.items()
        }

    def _with_services(self, wire: Wire, port: Port) -> Wire:
        gateways = [a.gateway for a in addresses(port, self._target.subnet) if a.gateway]
        via = {6 if ":" in gateway else 4: gateway for gateway in gateways}
        families = {prefix: 6 if ":" in prefix else 4 for prefix in port.services}
        services = {Route(to, via[family]) for to, family in families.items() if family in via}
        kept = {route for route in wire.routes if route.destination not in DEFAULTS}
        return msgspec.structs.replace(wire, routes=frozenset(kept | services))


def device(number: int) -> str:
    """The name of the device for the cluster that is named at this place."""
    return f"{DEVICE}{number + 1 if number else ''}"
