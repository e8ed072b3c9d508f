"""One router, from its rows: which hops it has for an address, and what it is called."""

from collections.abc import Iterable

import msgspec

from polpo.dataplane.endpoints import link_local
from polpo.dataplane.prefixes import inside, is_ipv6, length_of
from polpo.dataplane.tables import pack_address, pack_mac
from polpo.target.rows import AnyRow, Interface, Route, Router


class Hop(msgspec.Struct, frozen=True):
    """The next hop, in a network that one of the router's interfaces leads to.

    `address` is empty where the destination itself is on the link.
    """

    interface: Interface
    address: bytes = b""

    @property
    def vni(self) -> int:
        return self.interface.vni


class Found(msgspec.Struct, frozen=True):
    """What a router knows about an address: it is its own, or some prefix says where it goes."""

    prefix: str = ""
    via: tuple[Hop, ...] = ()
    backups: tuple[Hop, ...] = ()
    own: bool = False

    @property
    def hops(self) -> tuple[Hop, ...]:
        return self.via + self.backups


class RouterModel:
    def __init__(self, row: Router, rows: Iterable[AnyRow]) -> None:
        given = list(rows)
        self.row = row
        interfaces = (other for other in given if isinstance(other, Interface))
        self.interfaces = sorted(interfaces, key=lambda interface: interface.port)
        routes = (other for other in given if isinstance(other, Route))
        self.routes = [route for route in routes if self._leads(route.via + route.backups)]
        texts = {text for interface in self.interfaces for text in interface.addresses}
        self.own = {pack_address(text.partition("/")[0]) for text in texts}
        self.own |= {link_local(pack_mac(interface.mac)) for interface in self.interfaces}

    def find(self, address: bytes) -> Found | None:
        """By the longest prefix; a route before what is on the link."""
        if address in self.own:
            return Found(own=True)
        prefixes = [route.prefix for route in self.routes]
        links = [text for interface in self.interfaces for text in interface.addresses]
        # of two equally long ones that hold one address, which are one prefix, the first counts
        prefix = max(
            (text for text in (*prefixes, *links) if inside(address, text)),
            key=length_of,
            default=None,
        )
        if prefix is None:
            return None
        for route in self.routes:
            if route.prefix == prefix:
                return Found(prefix, self._hops(route.via), self._hops(route.backups))
        (on_link, *_) = (each for each in self.interfaces if prefix in each.addresses)
        return Found(prefix, (Hop(on_link),))

    def _leads(self, via: tuple[tuple[int, str], ...]) -> bool:
        """Somewhere, or nowhere on purpose."""
        return not via or bool(self._hops(via))

    def _hops(self, via: Iterable[tuple[int, str]]) -> tuple[Hop, ...]:
        hops = [(self._towards(vni, pack_address(text)), pack_address(text)) for vni, text in via]
        return tuple(Hop(interface, address) for interface, address in hops if interface)

    def _towards(self, vni: int, address: bytes) -> Interface | None:
        """The interface through which a next hop in the network is reached."""
        there = [interface for interface in self.interfaces if interface.vni == vni]
        for interface in there:
            if any(inside(address, text) for text in interface.addresses):
                return interface
        return self.interface(vni, is_ipv6(address)) or (there[0] if there else None)

    def interface(self, vni: int, ipv6: bool) -> Interface | None:
        """The one that stands for the router in the network, for a family."""
        for interface in self.interfaces:
            if interface.vni == vni and addresses_of(interface, ipv6):
                return interface
        return None


def addresses_of(interface: Interface, ipv6: bool) -> list[bytes]:
    texts = (text for text in interface.addresses if (":" in text) == ipv6)
    return [pack_address(text.partition("/")[0]) for text in texts]
