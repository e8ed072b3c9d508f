"""Rows of services and backends -> entries of the switch. Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from polpo.dataplane.claims import Claims
from polpo.dataplane.policies import Entry
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.rendezvous import UNIT, hash_of
from polpo.dataplane.tables import (
    BACKEND,
    BACKENDS,
    BY_ROUTER,
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
from polpo.target.rows import Interface
from polpo.target.service import Backend, Service

PROTOCOLS = {"tcp": 6, "udp": 17}

Name = tuple[str, str]
"""slice name, service's id"""


def number_of(name: Name) -> int:
    """What a service goes by in the tables: 64 bits."""
    digest = hashlib.blake2b("/".join(name).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def usable(row: Service, backends: Iterable[Backend], vtep: str) -> list[Backend]:
    """Those that new flows may have on the host, in the order of the tables."""
    found = [b for b in backends if b.up and b.weight and (not row.local or b.host == vtep)]
    return sorted(found, key=lambda row: (pack_address(row.address), row.port))[: PAGE * PAGES]


def service_entries(
    name: Name, row: Service, scopes: Iterable[int], backends: Iterable[Backend], vtep: str
) -> Iterator[Entry]:
    """All that one service comes to, on the host of that VTEP."""
    given, number = list(backends), number_of(name)
    by_source = row.by_source or row.sticks_s > 0
    flags = Serving.BY_SOURCE * by_source | Serving.RESTRICTED * bool(row.sources)
    via = pack_mac(row.via) if row.via else bytes(6)
    taking = usable(row, given, vtep)
    value = SERVICE.pack(number, -(-len(taking) // PAGE), flags, row.sticks_s, via)
    for scope in scopes:
        yield "services", _service_key(row, scope), value
    for page in range(0, len(taking), PAGE):
        yield _page(number, page // PAGE, taking[page : page + PAGE])
    for backend in given:
        state = Working.WORKS if backend.up else Working.IS_DOWN
        yield "members", _member_key(number, backend), U32.pack(state)
    for prefix in row.sources:
        address, length = pack_prefix(prefix)
        side = SOURCES | (Side.IPV6 if is_ipv6(address) else 0)
        yield "prefixes", PREFIX_KEY.pack(96 + length, side, number, address), U64.pack(0)


def _service_key(row: Service, scope: int) -> bytes:
    protocol, port = PROTOCOLS[row.protocol], pack_port(row.port)
    return SERVICE_KEY.pack(scope, protocol, port, pack_address(row.address))


def _member_key(number: int, row: Backend) -> bytes:
    return MEMBER_KEY.pack(number, pack_address(row.address), pack_port(row.port))


def _page(number: int, page: int, backends: list[Backend]) -> Entry:
    packed = b"".join(map(_backend, backends))
    value = BACKENDS.pack(len(backends), packed)
    return "backends", PAGE_KEY.pack(number, page), value


def _backend(row: Backend) -> bytes:
    address, port = pack_address(row.address), pack_port(row.port)
    return BACKEND.pack(address, hash_of(address + port), UNIT // row.weight, port)


class Services:
    """Kept up as rows of services, backends and routers' interfaces come and go."""

    def __init__(self, claims: Claims, vtep: str) -> None:
        self._claims, self._vtep = claims, vtep
        self._services: dict[Name, Service] = {}
        self._backends: defaultdict[Name, dict[str, Backend]] = defaultdict(dict)
        self._networks: dict[int, frozenset[int]] = {}
        self._unsettled: set[Name] = set()

    def __bool__(self) -> bool:
        return bool(self._services)

    def listeners(self) -> dict[int, str]:
        """Of load balancers: number in the tables -> the listener's id."""
        return {
            number_of(name): name[1].partition("/")[0]
            for name in self._services
            if name[0].startswith("network/")
        }

    def put(self, name: str, row: Service | Backend) -> None:
        """A row of the slice, new or in the place of one with its key. ValueError if malformed."""
        if isinstance(row, Service):
            list(service_entries((name, row.id), row, (0,), (), self._vtep))
            self._services[name, row.id] = row
            self._unsettled.add((name, row.id))
        else:
            _backend(row) if row.weight else _member_key(0, row)
            self._backends[name, row.service][row.key] = row
            self._unsettled.add((name, row.service))

    def remove(self, name: str, row: Service | Backend) -> None:
        if isinstance(row, Service):
            del self._services[name, row.id]
            self._unsettled.add((name, row.id))
            return
        place = name, row.service
        del self._backends[place][row.key]
        if not self._backends[place]:
            del self._backends[place]
        self._unsettled.add(place)

    def set_router(self, number: int, interfaces: Iterable[Interface]) -> None:
        """The networks that a router is in: who sends by it finds their services."""
        before = self._networks.pop(number, frozenset())
        now = frozenset(interface.vni for interface in interfaces)
        if now:
            self._networks[number] = now
        concerned = {f"network/{vni}" for vni in before ^ now}
        self._unsettled |= {name for name in self._services if name[0] in concerned}

    def settle(self) -> None:
        """Brings the entries up to date."""
        for name in self._unsettled:
            row = self._services.get(name)
            backends = self._backends.get(name, {}).values()
            scopes = self._scopes(name[0])
            made = service_entries(name, row, scopes, backends, self._vtep) if row else ()
            self._claims.put(("service", *name), made)
        self._unsettled.clear()

    def _scopes(self, slice_name: str) -> list[int]:
        kind, _, number = slice_name.partition("/")
        if kind == "router":
            return [int(number) | BY_ROUTER]
        vni = int(number)
        return [vni, *(r | BY_ROUTER for r, networks in self._networks.items() if vni in networks)]
