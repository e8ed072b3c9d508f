"""Target rows + what is plugged in on this host -> entries of the switch's tables. Pure.

`Entries` follows a target as its rows come and go, and does only the work that a change asks for:
one endpoint more in a large network is a few entries. What it comes to does not depend on the way
there: a property test compares it with an `Entries` that was given the final rows at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache

from polpo.dataplane.claims import Claims
from polpo.dataplane.copies import Copies
from polpo.dataplane.doors import Doors
from polpo.dataplane.endpoints import Plug, endpoint_entries, port_entries
from polpo.dataplane.metadata import neighbour_entries
from polpo.dataplane.peers import Peers
from polpo.dataplane.policies import by_group, policy_entries, version_of
from polpo.dataplane.questions import Questions
from polpo.dataplane.routes import check_row, router_entries
from polpo.dataplane.services import Services
from polpo.dataplane.tables import HOST, ORDER, U32, Offering, pack_address, pack_port
from polpo.target.rows import (
    AnyRow,
    Endpoint,
    GroupSet,
    Host,
    Interface,
    Member,
    Network,
    Policy,
    Port,
    Route,
    Router,
    Subnet,
)
from polpo.target.service import Backend, Node, Service

__all__ = ["Entries", "Plug"]

_pack_vtep = lru_cache(maxsize=4096)(pack_address)  # far fewer than endpoints

SERVING = (Service, Backend, Node)
Place = tuple[str, str]
"""slice name, row key: a row's name as a source of entries"""


class Entries:
    """The entries of all tables in `ORDER`, kept up with the target's rows.

    vtep: this host's own tunnel address; vxlan: ifindex of its VXLAN device, 0 while it has none;
    tunnel: UDP port of the tunnel.
    """

    def __init__(self, vtep: str, vxlan: int, tunnel: int = 4789) -> None:
        self._vtep = pack_address(vtep)
        self._slices: dict[str, dict[str, AnyRow]] = {}
        self._plugs: dict[str, Plug] = {}
        self._versions: dict[int, int] = {}
        self._guarded: defaultdict[int, dict[Place, Port]] = defaultdict(dict)
        self._claims = Claims(ORDER)
        self._peers = Peers(self._claims)
        self._copies = Copies(self._claims)
        self._questions = Questions()
        self._doors = Doors(self._claims)
        self._services = Services(self._claims, vtep, self._doors)
        self._tunnel = pack_port(tunnel)
        self._vxlan = self._metadata = 0
        self.set_vxlan(vxlan)

    @property
    def full(self) -> Mapping[str, Mapping[bytes, bytes]]:
        """What every table must hold. Not to be changed by the reader."""
        return self._claims.full

    @property
    def listeners(self) -> Mapping[int, str]:
        """Services of load balancers: number -> the listener's id."""
        return self._services.listeners

    @property
    def welcomes_guests(self) -> bool:
        """Whether there are services for who comes by the host's own devices."""
        return bool(self._services.offers & Offering.FOR_GUESTS)

    def checked(self) -> Mapping[int, str]:
        """Ports at which the host says how many backends it has: names of Services."""
        return self._services.checked()

    def ready_here(self, health_port: int) -> int:
        return self._services.ready_here(health_port)

    def take_touched(self) -> dict[str, set[bytes]]:
        """Keys whose entries came, went or changed since last asked, by table."""
        return self._claims.take_touched()

    def set_vxlan(self, ifindex: int) -> None:
        """The VXLAN device was made, or made again."""
        self._vxlan = ifindex
        self._set_host()

    def set_metadata(self, ifindex: int) -> None:
        """So was the one that leads to the metadata service."""
        self._metadata = ifindex
        self._set_host()

    def _set_host(self) -> None:
        offers = self._services.offers
        value = HOST.pack(self._vxlan, self._metadata, offers, self._tunnel)
        self._claims.put(("",), [("host", U32.pack(0), value)])

    def apply(self, name: str, put: Iterable[AnyRow] = (), gone: Iterable[str] = ()) -> None:
        """Rows of a slice that are gone (by key), and rows that are new or replaced."""
        rows = self._slices.setdefault(name, {})
        is_router, rerouted = name.startswith("router/"), False
        try:
            for key in gone:
                if former := rows.pop(key, None):
                    rerouted |= not isinstance(former, SERVING)
                    self._forget((name, key), former)
            for row in put:
                key = row.key
                if (former := rows.get(key)) != row:
                    if isinstance(former, Port):
                        self._unguard((name, key), former)
                    self._learn((name, key), row)
                    rerouted |= not isinstance(row, SERVING)
                    rows[key] = row
        finally:  # a malformed row raises (ValueError): what came before it counts
            if is_router and rerouted:
                self._settle_router(name, rows.values())
            self._copies.settle()
            self._settle_services()

    def _settle_services(self) -> None:
        self._doors.settle()
        self._services.settle()
        self._set_host()

    def _settle_router(self, name: str, rows: Collection[AnyRow]) -> None:
        """All of one piece, though services are apart: hops need interfaces."""
        own = [row for row in rows if not isinstance(row, SERVING)]
        interfaces = [row for row in own if isinstance(row, Interface)]
        routers = [row for row in own if isinstance(row, Router)]
        self._claims.put(("router", name), router_entries(own, self._vtep))
        number, joins = _number((name, "")), interfaces if routers else ()
        self._services.set_router(number, joins)
        if self._doors.set_router(number, joins):
            self._services.doors_moved()

    def replace(self, name: str, rows: Iterable[AnyRow]) -> None:
        """The slice begins anew with these rows; only what differs is touched."""
        given = {row.key: row for row in rows}
        gone = [key for key in self._slices.get(name, ()) if key not in given]
        self.apply(name, given.values(), gone)

    def drop(self, name: str) -> None:
        """The host needs the slice no more."""
        self.replace(name, ())
        self._slices.pop(name, None)

    def set_plugs(self, plugs: Mapping[str, Plug]) -> None:
        """All local interfaces, by port id."""
        former, self._plugs = self._plugs, dict(plugs)
        ports = former.keys() | plugs.keys()
        for port in (port for port in ports if former.get(port) != plugs.get(port)):
            for place, row in self._rows_of(port):
                self._learn(place, row)
        self._copies.settle()
        self._settle_services()

    def set_plug(self, port: str, plug: Plug | None) -> None:
        """One local interface; None if the port has none any more."""
        others = {id: other for id, other in self._plugs.items() if id != port}
        self.set_plugs(others if plug is None else {**others, port: plug})

    def _rows_of(self, port: str) -> Iterator[tuple[Place, AnyRow]]:
        for name, rows in self._slices.items():
            for key in (f"port/{port}", f"endpoint/{port}"):
                if row := rows.get(key):
                    yield (name, key), row

    def _learn(self, place: Place, row: AnyRow) -> None:
        """Puts what a row comes to, in place of what its place came to before."""
        match row:
            case Endpoint():
                self._learn_endpoint(place, row)
            case Port():
                self._learn_port(place, row)
            case Policy():
                self._learn_policy(place, row)
            case GroupSet():
                self._peers.put_set(place, row)
            case Subnet():
                self._set_subnet(place, row)
            case Service() | Backend() | Node():
                self._services.put(place[0], row)
            case Host():
                entry = ("vteps", pack_address(row.address), U32.pack(1))
                self._claims.put(place, [entry])
            case Network():
                entry = ("networks", U32.pack(row.vni), U32.pack(row.domain))
                self._claims.put(place, [entry, *neighbour_entries(row.vni)])
            case Interface() | Route() | Member():
                check_row(row)

    def _learn_endpoint(self, place: Place, row: Endpoint) -> None:
        vni = _number(place)
        vtep = _pack_vtep(row.host_address)
        local = vtep == self._vtep
        plug = self._plugs.get(row.port) if local else None
        self._claims.put(place, endpoint_entries(vni, row, None if local else vtep, plug))
        self._copies.put(place, None if local else (vni, vtep))

    def _learn_port(self, place: Place, row: Port) -> None:
        plug = self._plugs.get(row.id)
        self._guarded[row.policy][place] = row
        version = self._versions.get(row.policy, 0)
        asks = self._questions.of(row.vni)
        self._claims.put(place, port_entries(row, plug, version, asks) if plug else ())
        self._copies.put(place, (row.vni, plug.ifindex) if plug else None)
        if self._doors.put(place, row, plug):
            self._services.doors_moved()

    def _learn_policy(self, place: Place, row: Policy) -> None:
        version = version_of(row)
        self._claims.put(place, policy_entries(row, version))
        self._peers.put_policy(place, by_group(row), version)
        self._set_version(row.number, version)

    def _set_version(self, policy: int, version: int) -> None:
        """The ports that the policy guards move to this version of it; 0 lets nothing pass."""
        self._versions[policy] = version
        for place, port in self._guarded.get(policy, {}).items():
            self._learn_port(place, port)

    def _set_subnet(self, place: Place, row: Subnet | None) -> None:
        """The network's ports may ask for other things than before."""
        vni = _number(place)
        if self._questions.put(vni, place[1], row):
            for guarded in self._guarded.values():
                for at, port in guarded.items():
                    if port.vni == vni:
                        self._learn_port(at, port)

    def _unguard(self, place: Place, port: Port) -> None:
        if self._doors.put(place, port, None):
            self._services.doors_moved()
        del self._guarded[port.policy][place]
        if not self._guarded[port.policy]:
            del self._guarded[port.policy]

    def _forget(self, place: Place, row: AnyRow) -> None:
        self._claims.put(place, ())
        self._copies.put(place, None)
        if isinstance(row, Port):
            self._unguard(place, row)
        if isinstance(row, Policy):
            self._set_version(row.number, 0)
            del self._versions[row.number]
            self._peers.put_policy(place, {}, 0)
        if isinstance(row, Subnet):
            self._set_subnet(place, None)
        if isinstance(row, Service | Backend):
            self._services.remove(place[0], row)
        if isinstance(row, GroupSet):
            self._peers.put_set(place, None)


def _number(place: Place) -> int:
    """That of the network (or router) whose slice it is."""
    return int(place[0].partition("/")[2])
