"""The hosts of one snapshot, each with the model of its switch, made when it is asked for."""

from collections.abc import Iterator, Mapping

import msgspec

from polpo.compiler import slices
from polpo.compiler.view import View
from polpo.dataplane.endpoints import Plug
from polpo.dataplane.knowledge import Where
from polpo.dataplane.model import Model
from polpo.dataplane.tables import pack_address, pack_mac
from polpo.model.host import Host
from polpo.model.router import FloatingIP
from polpo.model.snapshot import Snapshot
from polpo.target.rows import AnyRow, Gateway, Port
from polpo.trace.values import Thing

ACTIVE_ADDRESSES = ("169.254.0.2", "fe80::2")
"""In its transit network, of whichever instance of a gateway is active."""
FIRST_PLUG = 1000
"""Interfaces get numbers from here on: which they have on the host does not matter."""


class Seen(msgspec.Struct, frozen=True):
    """What hosts have reported of late.

    plugged  ids of the ports that are plugged in; None: all that are bound to a host
    active   router's number -> name of the host where its gateway is active
    moved    addresses of allowed pairs: (vni, address, id of the port that has it)
    silent   names of hosts whose agents have not been heard of late
    """

    plugged: frozenset[str] | None = None
    active: Mapping[int, str] = {}
    moved: tuple[tuple[int, str, str], ...] = ()
    silent: frozenset[str] = frozenset()


class _Rows(Mapping[str, tuple[AnyRow, ...]]):
    """The slices that a host needs by name; each is compiled when it is looked at."""

    def __init__(self, view: View, host: str, shared: dict[str, tuple[AnyRow, ...]]) -> None:
        self._view, self._host, self._shared = view, host, shared
        self._names = (slices.host_name(host), *sorted(slices.carried(view, host)))

    def __getitem__(self, name: str) -> tuple[AnyRow, ...]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._shared:
            own = name == slices.host_name(self._host)
            made = slices.host_slice(self._view, self._host) if own else self._compile(name)
            self._shared[name] = tuple(made.values())
        return self._shared[name]

    def _compile(self, name: str) -> dict[str, AnyRow]:
        return slices.shared_slice(self._view, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class World:
    def __init__(self, snapshot: Snapshot, seen: Seen) -> None:
        self.snapshot, self.seen, self.view = snapshot, seen, View(snapshot)
        self._slices: dict[str, tuple[AnyRow, ...]] = {}
        self._switches: dict[str, Model] = {}

    def rows(self, host: str) -> Mapping[str, tuple[AnyRow, ...]]:
        return _Rows(self.view, host, self._slices)

    def own(self, host: str) -> tuple[AnyRow, ...]:
        """The rows of the host's own slice."""
        return self.rows(host)[slices.host_name(host)]

    def is_plugged(self, port: str) -> bool:
        return self.seen.plugged is None or port in self.seen.plugged

    def plugs(self, host: str) -> dict[str, Plug]:
        """The interfaces of its ports."""
        ports = sorted(row.id for row in self.own(host) if isinstance(row, Port))
        plugged = (id for id in ports if self.is_plugged(id))
        return {id: Plug(FIRST_PLUG + index) for index, id in enumerate(plugged)}

    def switch(self, host: str) -> Model:
        """What the host's switch knows by now."""
        if host not in self._switches:
            known = self.view.host(host)
            assert known is not None
            model = Model(known.address, self.rows(host), self.plugs(host))
            self._learn(model)
            self._switches[host] = model
        return self._switches[host]

    def host_at(self, vtep: str) -> str:
        """The name of the host whose tunnels end there."""
        id = self.snapshot.holder("host-address", vtep)
        host = self.snapshot.get(Host, id) if id is not None else None
        assert host is not None  # rows name addresses of hosts only
        return host.name

    def port_at(self, host: str, ifindex: int) -> str:
        """The id of the port that is plugged in there."""
        return next(id for id, plug in self.plugs(host).items() if plug.ifindex == ifindex)

    def port_row(self, host: str, id: str) -> Port:
        return next(row for row in self.own(host) if isinstance(row, Port) and row.id == id)

    def is_active(self, host: str, gateway: Gateway) -> bool:
        """As its host has said, or else whichever instance is asked first."""
        return self.seen.active.get(gateway.vni, host) == host

    def floating(self, address: str) -> Thing | None:
        """The floating IP with that address."""
        found = self.snapshot.by(FloatingIP, "address", address)
        return next((Thing("floatingip", ip.id) for ip in found), None)

    def gateways(self, host: str) -> list[Gateway]:
        """Its instances of routers' gateways."""
        return [row for row in self.own(host) if isinstance(row, Gateway)]

    def gateway(self, host: str, port: str) -> Gateway | None:
        """The instance whose end inside the port is."""
        return next((row for row in self.gateways(host) if row.port == port), None)

    def _learn(self, model: Model) -> None:
        """What announcements have taught it."""
        for vni, address, port in (*self.seen.moved, *self._active()):
            macs = (row.mac for row in model.endpoints(vni) if row.port == port)
            for mac in macs if vni in model.networks else ():
                model.learn(vni, pack_address(address), pack_mac(mac), Where())

    def _active(self) -> Iterator[tuple[int, str, str]]:
        """The addresses that active gateways have in their transit networks."""
        for vni, host in self.seen.active.items():
            for row in self.gateways(host) if self.view.host(host) else ():
                if row.vni == vni:
                    yield from ((vni, address, row.port) for address in ACTIVE_ADDRESSES)
