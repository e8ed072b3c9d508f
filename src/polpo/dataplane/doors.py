"""Doors: hosts' own ports in networks, by which guests come to services. Pure.

A guest is at no port: it comes by a device of the host's own, or is the host under another address.
"""

from collections.abc import Iterable, Iterator

from polpo.dataplane.claims import Claims
from polpo.dataplane.endpoints import Plug
from polpo.dataplane.policies import Entry
from polpo.dataplane.tables import ANY6, DOOR, U32, pack_address, pack_mac
from polpo.target.rows import Interface, Port


def door_entry(port: Port, plug: Plug, gateway: Interface) -> Entry:
    own = {":" in lease.address: pack_address(lease.address) for lease in reversed(port.leases)}
    value = DOOR.pack(
        port.vni,
        min(port.mtu, gateway.mtu),
        pack_mac(port.mac),
        pack_mac(gateway.mac),
        own.get(False, ANY6),
        own.get(True, ANY6),
    )
    return "doors", U32.pack(plug.ifindex), value


class Doors:
    """Kept up as hosts' ports and routers' interfaces come and go."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._ports: dict[object, tuple[Port, Plug]] = {}
        self._interfaces: dict[int, tuple[Interface, ...]] = {}

    def put(self, place: object, port: Port, plug: Plug | None) -> bool:
        """Whether something has changed."""
        now = (port, plug) if port.host_of and plug else None
        before = self._ports.pop(place, None)
        if now:
            self._ports[place] = now
        return before != now

    def set_router(self, number: int, interfaces: Iterable[Interface]) -> bool:
        """Whether something has changed."""
        before = self._interfaces.pop(number, ())
        if given := tuple(interfaces):
            self._interfaces[number] = given
        return before != given

    def of(self, router: int) -> int:
        """The door to what the router leads to: the ifindex of the lowest one, 0 for none."""
        return min((plug.ifindex for _, plug, _ in self._found(router)), default=0)

    def settle(self) -> None:
        made = [
            door_entry(*found)
            for router in sorted(self._interfaces)
            for found in self._found(router)
        ]
        self._claims.put(("doors",), {e[1]: e for e in reversed(made)}.values())

    def _found(self, router: int) -> Iterator[tuple[Port, Plug, Interface]]:
        by_network = {i.vni: i for i in self._interfaces.get(router, ())}
        for port, plug in self._ports.values():
            if port.vni in by_network:
                yield port, plug, by_network[port.vni]
