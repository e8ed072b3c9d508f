"""Rows of one router -> entries of the switch: where it sends what, and who it is. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

import msgspec

from polpo.dataplane.endpoints import link_local
from polpo.dataplane.policies import Entry
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.tables import (
    ADDRESS_KEY,
    FLOOD_KEY,
    HOP,
    HOPS,
    INTERFACE,
    INTERFACE_KEY,
    IPV6_ROUTE,
    MAC_KEY,
    MEMBERS,
    NEIGHBOUR,
    ROUTE,
    ROUTE_KEY,
    U32,
    WHERE,
    pack_address,
    pack_mac,
    pack_prefix,
)
from polpo.target.rows import AnyRow, Interface, Member, Route, Router

LINK = bytes(16)
OWN = 1


class Link(msgspec.Struct, frozen=True):
    """An interface with its addresses read; all of a router's are in the order of their ports."""

    row: Interface
    addresses: tuple[IPv4Interface | IPv6Interface, ...]


def router_entries(rows: Iterable[AnyRow], own_vtep: bytes) -> list[Entry]:
    """All that a router's slice comes to; nothing while there is no `Router` row in it."""
    given = list(rows)
    router = next((row for row in given if isinstance(row, Router)), None)
    if router is None:
        return []
    interfaces = sorted((r for r in given if isinstance(r, Interface)), key=lambda r: r.port)
    links = [Link(row, tuple(map(ip_interface, row.addresses))) for row in interfaces]
    routes = {
        **dict(_connected(router, reversed(links))),
        **dict(_beyond(router, links, (row for row in given if isinstance(row, Route)))),
        **dict(_own(router, links)),
    }
    entries: list[Entry] = [("routes", key, value) for key, value in routes.items()]
    entries += _presence(router, links)
    members = {pack_address(row.address) for row in given if isinstance(row, Member)}
    return [*entries, *_members(router, members - {own_vtep})]


def check_row(row: Interface | Route | Member) -> None:
    """ValueError if it makes no sense: one bad row must not keep the others from counting."""
    match row:
        case Interface():
            _hop(Link(row, tuple(map(ip_interface, row.addresses))), LINK)
        case Route():
            pack_prefix(row.prefix)
            for _, next_hop in (*row.via, *row.backups):
                pack_address(next_hop)
        case Member():
            pack_address(row.address)


def _hop(link: Link, address: bytes) -> bytes:
    row = link.row
    return HOP.pack(row.vni, row.mtu, pack_mac(row.mac), address)


def _route(hops: Sequence[bytes], equal: int, own: int = 0) -> bytes:
    return ROUTE.pack(own, equal, len(hops), b"".join(hops))


def _key(router: Router, address: bytes, length: int) -> bytes:
    family = IPV6_ROUTE if is_ipv6(address) else 0
    return ROUTE_KEY.pack(32 + length, router.vni | family, address)


def _connected(router: Router, links: Iterable[Link]) -> Iterator[tuple[bytes, bytes]]:
    for link in links:
        for address in link.addresses:
            prefix, length = pack_prefix(str(address.network))
            yield _key(router, prefix, length), _route([_hop(link, LINK)], 1)


def _beyond(
    router: Router, links: Sequence[Link], routes: Iterable[Route]
) -> Iterator[tuple[bytes, bytes]]:
    for row in routes:
        via, backups = ([_via(links, *hop) for hop in hops] for hops in (row.via, row.backups))
        equal = [hop for hop in via if hop is not None]
        hops = (equal + [hop for hop in backups if hop is not None])[:HOPS]
        if hops or not (row.via or row.backups):
            yield _key(router, *pack_prefix(row.prefix)), _route(hops, min(len(equal), HOPS))


def _via(links: Sequence[Link], vni: int, next_hop: str) -> bytes | None:
    """By the interface that has the next hop on its link, or one of its family; None if none."""
    there = [link for link in links if link.row.vni == vni]
    address = ip_address(next_hop)
    near = [link for link in there if any(address in a.network for a in link.addresses)]
    family = [link for link in there if any(a.version == address.version for a in link.addresses)]
    found = [*near, *family, *there]
    return _hop(found[0], pack_address(next_hop)) if found else None


def _own(router: Router, links: Iterable[Link]) -> Iterator[tuple[bytes, bytes]]:
    for link in links:
        for address in _answers(link):
            yield _key(router, address, 128), _route([_hop(link, LINK)], 1, OWN)


def _answers(link: Link) -> list[bytes]:
    """The addresses that it is asked for, and answers pings to."""
    return [*(pack_address(str(a.ip)) for a in link.addresses), link_local(pack_mac(link.row.mac))]


def _presence(router: Router, links: Sequence[Link]) -> Iterator[Entry]:
    """What the networks know of the router, and what it is called in each of them."""
    for link in links:
        vni, mac = link.row.vni, pack_mac(link.row.mac)
        place = U32.pack(router.domain) + bytes(12)
        yield "fdb", MAC_KEY.pack(vni, mac), WHERE.pack(0, router.vni, 0, place)
        for address in _answers(link):
            yield "neighbours", ADDRESS_KEY.pack(vni, address), NEIGHBOUR.pack(mac, 1, 0)
    for link in reversed(links):
        for a in reversed(link.addresses):
            key = INTERFACE_KEY.pack(router.vni, link.row.vni, a.version)
            value = INTERFACE.pack(pack_mac(link.row.mac), router.domain, pack_address(str(a.ip)))
            yield "interfaces", key, value


def _members(router: Router, members: Iterable[bytes]) -> Iterator[Entry]:
    for index, vtep in enumerate(sorted(members), MEMBERS):
        yield "flood", FLOOD_KEY.pack(router.vni, index), WHERE.pack(0, 0, 0, vtep)
