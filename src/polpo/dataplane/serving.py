"""One service, with its backends -> entries of the switch. Pure."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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
from polpo.target.service import Backend, Face, Service

PROTOCOLS = {"tcp": 6, "udp": 17}
NONE = Serving(0)

Name = tuple[str, str]
"""slice name, service's id"""


class At(NamedTuple):
    """The host that the entries are for: its VTEP, and the service's door there, 0 for none."""

    vtep: str
    door: int = 0


class Lot(NamedTuple):
    """The backends that new flows share, under a number of their own."""

    number: int
    taking: list[Backend]
    flags: Serving


def number_of(name: Name, *more: str) -> int:
    """What a service, or a lot of it, goes by in the tables: 64 bits."""
    digest = hashlib.blake2b("/".join((*name, *more)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def usable(backends: Iterable[Backend], near: str = "") -> list[Backend]:
    """Those that new flows may have, in the order of the tables; `near`: of those at this VTEP."""
    able = [b for b in backends if b.up and b.weight and near in ("", b.host)]
    found = [b for b in able if not b.spare] or able
    return sorted(found, key=lambda row: (pack_address(row.address), row.port))[: PAGE * PAGES]


def service_entries(
    name: Name, row: Service, scopes: Iterable[int], backends: Iterable[Backend], at: At
) -> Iterator[Entry]:
    """All that one service comes to."""
    given = list(backends)
    every = Lot(number_of(name), usable(given), NONE)
    silent = Serving.LOCAL_ONLY if every.taking else NONE
    near = Lot(number_of(name, "near"), usable(given, at.vtep), silent)
    yield from _own_entries(name, row, scopes, near if row.local else every)
    for face in row.faces:
        yield from _face_entries(name, row, face, scopes, every)
    if row.guests and at.door:
        yield from _guest_entries(name, row, near if row.guests == "local" else every, at.door)
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


def _guest_entries(name: Name, row: Service, lot: Lot, door: int) -> Iterator[Entry]:
    keeps = Serving.KEEPS_GUEST if row.guests == "local" else NONE
    for face in row.faces:
        value = _value(name, row, lot, face.limited and bool(row.sources), keeps, door)
        yield "services", _key(row, GUESTS, face.address, face.port), value


def _value(
    name: Name,
    row: Service,
    lot: Lot,
    limited: bool,
    more: Serving = NONE,
    door: int = 0,
) -> bytes:
    by_source = Serving.BY_SOURCE * (row.by_source or row.sticks_s > 0)
    flags = by_source | Serving.RESTRICTED * limited | lot.flags | more
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
