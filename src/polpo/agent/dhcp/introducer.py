"""Routers' addresses, told to the ports of their networks when they come or change.

A network that leaves a router and joins it again has another MAC address behind its gateway. Who
knows the old one would go on with it for up to a minute (RFC 4861, 7.3).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from polpo.dataplane.announcements import announcement
from polpo.dataplane.tables import pack_address, pack_mac
from polpo.target.rows import Interface

Send = Callable[[int, bytes], object]


class Introducer:
    """Looks after each pass of the loop. A port that was not there before hears of all routers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._told: dict[int, set[Interface]] = {}  # by ifindex

    def look(self, ports: Mapping[int, int], interfaces: Collection[Interface]) -> None:
        """`ports` are the numbers of their networks by ifindex."""
        there: defaultdict[int, set[Interface]] = defaultdict(set)
        for interface in interfaces:
            there[interface.vni].add(interface)
        before, self._told = self._told, {i: there[vni] for i, vni in ports.items()}
        for ifindex, routers in self._told.items():
            for interface in sorted(routers - before.get(ifindex, set()), key=lambda r: r.port):
                for frame in introduction(interface):
                    self._send(ifindex, frame)


def introduction(interface: Interface) -> list[bytes]:
    """A frame for each address. ValueError if the row makes no sense."""
    addresses = (pack_address(text.partition("/")[0]) for text in interface.addresses)
    return [announcement(pack_mac(interface.mac), a, router=True) for a in addresses]
