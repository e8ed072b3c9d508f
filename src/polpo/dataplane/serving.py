"""One service, with its backends -> entries of the switch. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

from msgspec.structs import replace

from polpo.dataplane.policies import Entry
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.rendezvous import UNIT, hash_of
from polpo.dataplane.tables import (
    ANY4,
    ANY6,
    BACKEND,
    BACKENDS,
    GUESTS,
    MEMBER_KEY,
    PAGE,
    PAGE_KEY,
    PAGES,
    PREFIX_KEY,
    SERVICE,
    SERVICE_KEY,
    SOURCES,
    U32,
    U64,
    Serving,
    Side,
    Working,
    pack_address,
    pack_mac,
    pack_port,
    pack_prefix,
)
from polpo.target.service import Backend, Face, Node, Service

PROTOCOLS = {"tcp": 6, "udp": 17}
NONE = Serving(0)

Name = tuple[str, str]
"""slice name, service's id"""


class Here(NamedTuple):
    """The host whose clients are served, among those of the service's cluster.

    `vtep` and `zone` are its own; `others` are hosts' own addresses besides that of their tunnel.
    """

    vtep: str
    zone: str = ""
    others: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def among(cls, vtep: str, nodes: Iterable[Node]) -> Self:
        given = list(nodes)
        zones = [node.zone for node in given if node.host == vtep and node.zone]
        others = {node.host: node.addresses for node in given if node.addresses}
        return cls(vtep, zones[0] if zones else "", others)

    def at(self, host: str) -> Iterator[str]:
        """A host's own addresses."""
        yield host
        yield from self.others.get(host, ())


class Lot(NamedTuple):
    """The backends that new flows share, under a number of their own."""

    number: int
    taking: list[Backend]
    flags: Serving


def number_of(name: Name, *more: str) -> int:
    """What a service, or a lot of it, goes by in the tables: 64 bits."""
    digest = hashlib.blake2b("/".join((*name, *more)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def is_counted(name: Name) -> bool:
    """Of load balancers it is told what they have carried; of a cluster's Services nobody asks."""
    return name[0].startswith("network/")


def usable(backends: Iterable[Backend], here: Here) -> list[Backend]:
    """Those that new flows from a host may have, in the order of the tables."""
    able = [b for b in backends if b.up and b.weight]
    ready = [b for b in able if not b.spare]
    return _in_order(_meant(ready, here) or able)


def usable_near(backends: Iterable[Backend], here: Here) -> list[Backend]:
    """Of those that are on the host."""
    able = [b for b in backends if b.up and b.weight and b.host == here.vtep]
    return _in_order([b for b in able if not b.spare] or able)


def _meant(ready: list[Backend], here: Here) -> list[Backend]:
    """As kube-proxy takes hints: all or none, of nodes before those of zones."""
    here_only = [backend for backend in ready if here.vtep in backend.nodes]
    if here_only and all(backend.nodes for backend in ready):
        return here_only
    if all(backend.zones for backend in ready):
        return [backend for backend in ready if here.zone in backend.zones] or ready
    return ready


def _in_order(backends: list[Backend]) -> list[Backend]:
    found = sorted(backends, key=lambda row: (pack_address(row.address), row.port))
    return found[: PAGE * PAGES]


def is_for(row: Service, backends: Iterable[Backend], here: Here) -> bool:
    """What is at a loopback address is for the host that the backends are on."""
    return not row.address.startswith("127.") or any(b.host == here.vtep for b in backends)


def service_entries(
    name: Name,
    row: Service,
    scopes: Iterable[int],
    backends: Iterable[Backend],
    here: Here,
    door: int = 0,
) -> Iterator[Entry]:
    """All that one service comes to on a host; `door`: how guests come to it there, 0 for not."""
    given = list(backends)
    if not is_for(row, given, here):
        return
    every = Lot(number_of(name), usable(given, here), NONE)
    silent = Serving.LOCAL_ONLY if every.taking else NONE
    near = Lot(number_of(name, "near"), usable_near(given, here), silent)
    yield from _own_entries(name, row, scopes, near if row.local else every)
    for face in row.faces:
        if face.address or row.guests != "local":
            yield from _face_entries(name, row, face, scopes, every)
        else:
            yield from _node_port_entries(name, row, face, scopes, given, every, here)
    if row.guests and door:
        yield from _guest_entries(name, row, near if row.guests == "local" else every, here, door)
    if row.faces or not row.local:
        yield from _lot_entries(every, given)
    if row.local or row.guests == "local":
        yield from _lot_entries(near, given)
    for prefix in row.sources:
        address, length = pack_prefix(prefix)
        side = SOURCES | (Side.IPV6 if is_ipv6(address) else 0)
        key = PREFIX_KEY.pack(96 + length, side, number_of(name), address)
        yield "prefixes", key, U64.pack(0)


def _own_entries(name: Name, row: Service, scopes: Iterable[int], lot: Lot) -> Iterator[Entry]:
    value = _value(name, row, lot, bool(row.sources) and not row.faces)
    for scope in scopes:
        yield "services", _key(row, scope, row.address, row.port), value


def _face_entries(
    name: Name, row: Service, face: Face, scopes: Iterable[int], lot: Lot
) -> Iterator[Entry]:
    for scope in scopes:
        value = _value(name, row, lot, face.limited and bool(row.sources))
        yield "services", _key(row, scope, face.address, face.port), value


def _node_port_entries(
    name: Name,
    row: Service,
    face: Face,
    scopes: Iterable[int],
    given: list[Backend],
    every: Lot,
    here: Here,
) -> Iterator[Entry]:
    """Of a local policy: at another host, as there; at this one, as kube-proxy has it, anywhere."""
    scopes, silent = list(scopes), Serving.LOCAL_ONLY if every.taking else NONE
    yield from _face_entries(name, row, face, scopes, Lot(0, [], silent))
    yield from _at_host(name, row, face, scopes, every, here.at(here.vtep))
    for host in sorted({b.host for b in given} - {"", here.vtep}):
        there = [backend for backend in given if backend.host == host]
        lot = Lot(number_of(name, "at", host), usable_near(there, Here(host)), silent)
        yield from _at_host(name, row, face, scopes, lot, here.at(host))
        yield from _lot_entries(lot, there)


def _at_host(
    name: Name,
    row: Service,
    face: Face,
    scopes: Iterable[int],
    lot: Lot,
    addresses: Iterable[str],
) -> Iterator[Entry]:
    for address in _own(row, addresses):
        yield from _face_entries(name, row, replace(face, address=address), scopes, lot)


def own_entries(node: Node, scopes: Iterable[int]) -> Iterator[Entry]:
    """That ports of every host are at its other addresses, too: no protocol, no port."""
    for address in node.addresses:
        for scope in scopes:
            key = SERVICE_KEY.pack(scope, 0, pack_port(0), pack_address(address))
            yield "services", key, bytes(SERVICE.size)


def _guest_entries(name: Name, row: Service, lot: Lot, here: Here, door: int) -> Iterator[Entry]:
    """What the host itself sends to another's node port of a local policy is that one's to serve,
    which sees the host's address."""
    keeps = Serving.KEEPS_GUEST if row.guests == "local" else NONE
    for face in _faces_for_guests(row, here) if keeps else row.faces:
        value = _value(name, row, lot, face.limited and bool(row.sources), keeps, door)
        yield "services", _key(row, GUESTS, face.address, face.port), value


def _faces_for_guests(row: Service, here: Here) -> Iterator[Face]:
    """Node ports only at the host's own addresses."""
    for face in row.faces:
        if face.address:
            yield face
        else:
            yield from (replace(face, address=own) for own in _own(row, here.at(here.vtep)))


def _own(row: Service, addresses: Iterable[str]) -> Iterator[str]:
    """Those of the service's family."""
    return (address for address in addresses if (":" in address) == (":" in row.address))


def _value(
    name: Name,
    row: Service,
    lot: Lot,
    limited: bool,
    more: Serving = NONE,
    door: int = 0,
) -> bytes:
    by_source = Serving.BY_SOURCE * row.by_source
    flags = by_source | Serving.RESTRICTED * limited | lot.flags | more
    flags |= Serving.COUNTED * is_counted(name)
    via = pack_mac(row.via) if row.via else bytes(6)
    pages = -(-len(lot.taking) // PAGE)
    return SERVICE.pack(lot.number, pages, flags, row.sticks_s, via, door, number_of(name))


def _key(row: Service, scope: int, address: str, port: int) -> bytes:
    """Without an address: every host's."""
    packed = pack_address(address) if address else ANY6 if ":" in row.address else ANY4
    return SERVICE_KEY.pack(scope, PROTOCOLS[row.protocol], pack_port(port), packed)


def _lot_entries(lot: Lot, given: Iterable[Backend]) -> Iterator[Entry]:
    for page in range(0, len(lot.taking), PAGE):
        yield _page(lot.number, page // PAGE, lot.taking[page : page + PAGE])
    for backend in given:
        state = Working.WORKS if backend.up else Working.IS_DOWN
        yield "members", member_key(lot.number, backend), U32.pack(state)


def member_key(number: int, row: Backend) -> bytes:
    return MEMBER_KEY.pack(number, pack_address(row.address), pack_port(row.port))


def _page(number: int, page: int, backends: list[Backend]) -> Entry:
    packed = b"".join(map(packed_backend, backends))
    value = BACKENDS.pack(len(backends), packed)
    return "backends", PAGE_KEY.pack(number, page), value


def packed_backend(row: Backend) -> bytes:
    address, port = pack_address(row.address), pack_port(row.port)
    return BACKEND.pack(address, hash_of(address + port), UNIT // row.weight, port)
