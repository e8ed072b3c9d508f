"""Rows of services and backends -> entries of the switch, as they come and go. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from polpo.dataplane.claims import Claims
from polpo.dataplane.doors import Doors
from polpo.dataplane.serving import (
    Here,
    Name,
    is_counted,
    member_key,
    number_of,
    own_entries,
    packed_backend,
    service_entries,
)
from polpo.dataplane.tables import BY_ROUTER, GUESTS, Offering
from polpo.target.rows import Interface
from polpo.target.service import Backend, Node, Service

NODE = ("service", "")
"""What nodes claim; less than any service."""


class Services:
    """Kept up as rows of services, backends and routers' interfaces come and go.

    listeners: of load balancers, number in the tables -> the listener's id.
    """

    def __init__(self, claims: Claims, vtep: str, doors: Doors) -> None:
        self._claims, self._vtep, self._doors = claims, vtep, doors
        self._services: dict[Name, Service] = {}
        self._backends: defaultdict[Name, dict[str, Backend]] = defaultdict(dict)
        self._networks: dict[int, frozenset[int]] = {}
        self._unsettled: set[Name] = set()
        self._for_hosts: set[Name] = set()
        self._for_guests: set[Name] = set()
        self._checked: dict[Name, Service] = {}
        self.listeners: dict[int, str] = {}
        self._nodes: defaultdict[str, dict[str, Node]] = defaultdict(dict)
        self._here: dict[str, Here] = {}

    @property
    def offers(self) -> Offering:
        """What kinds of services there are."""
        there = {
            Offering.SERVES: self._services,
            Offering.NODE_PORTS: self._for_hosts,
            Offering.FOR_GUESTS: self._for_guests,
            Offering.MORE_ADDRESSES: any(here.others for here in self._here.values()),
        }
        return Offering(sum(kind for kind, services in there.items() if services))

    def put(self, name: str, row: Service | Backend | Node) -> None:
        """A row of the slice, new or in the place of one with its key. ValueError if malformed."""
        if isinstance(row, Node):
            self._put_node(name, row)
        elif isinstance(row, Service):
            list(service_entries((name, row.id), row, (0,), (), Here(self._vtep), 1))
            self._services[name, row.id] = row
            self._note(name, row)
            self._unsettled.add((name, row.id))
        else:
            packed_backend(row) if row.weight else member_key(0, row)
            self._backends[name, row.service][row.key] = row
            self._unsettled.add((name, row.service))

    def _put_node(self, name: str, row: Node) -> None:
        self._claim_node(name, row)
        self._nodes[name][row.key] = row
        self._nodes_moved(name)

    def _claim_node(self, name: str, row: Node) -> None:
        """A cluster without pods here has no say in what guests of this host reach."""
        scopes = self._scopes(name)
        scopes += [GUESTS] if self._door(name) else []
        self._claims.put((*NODE, name, row.key), own_entries(row, scopes))

    def _nodes_moved(self, name: str) -> None:
        """Of a slice: who was meant for a zone, or is on a host, may be found elsewhere now."""
        before = self._here.get(name, Here(self._vtep))
        self._here[name] = now = Here.among(self._vtep, self._nodes[name].values())
        if before != now:
            self._unsettled.update(place for place in self._services if place[0] == name)

    def remove(self, name: str, row: Service | Backend | Node) -> None:
        if isinstance(row, Node):
            self._claims.put((*NODE, name, row.key), ())
            del self._nodes[name][row.key]
            self._nodes_moved(name)
            return
        if isinstance(row, Service):
            del self._services[name, row.id]
            self._for_hosts.discard((name, row.id))
            self._for_guests.discard((name, row.id))
            self._checked.pop((name, row.id), None)
            self.listeners.pop(number_of((name, row.id)), None)
            self._unsettled.add((name, row.id))
            return
        place = name, row.service
        del self._backends[place][row.key]
        if not self._backends[place]:
            del self._backends[place]
        self._unsettled.add(place)

    def _note(self, name: str, row: Service) -> None:
        hosts = any(not face.address for face in row.faces)
        for noted, yes in ((self._for_hosts, hosts), (self._for_guests, bool(row.guests))):
            (noted.add if yes else noted.discard)((name, row.id))
        if is_counted((name, row.id)):
            self.listeners[number_of((name, row.id))] = row.id.partition("/")[0]
        self._checked.pop((name, row.id), None)
        if row.health_port:
            self._checked[name, row.id] = row

    def checked(self) -> dict[int, str]:
        """Ports at which the host says how many backends it has, and of which Services: of clusters
        that it has pods of. Others, that it only leads packets to, open no ports of its own.
        """
        rows = ((row, name) for (name, _), row in self._checked.items())
        return {row.health_port: row.name for row, name in rows if self._door(name)}

    def ready_here(self, health_port: int) -> int:
        """Backends on this host that are ready, of the Service that is checked at the port."""
        names = (n for n, row in self._checked.items() if row.health_port == health_port)
        rows = (row for name in names for row in self._backends.get(name, {}).values())
        ready = (row for row in rows if row.up and not row.spare and row.host == self._vtep)
        return len({row.address for row in ready})

    def doors_moved(self) -> None:
        """Guests come in by another way."""
        self._unsettled |= self._for_guests
        for name, nodes in self._nodes.items():
            for node in nodes.values():
                self._claim_node(name, node)

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
            here, door = self._here.get(name[0], Here(self._vtep)), self._door(name[0])
            made = service_entries(name, row, scopes, backends, here, door) if row else ()
            self._claims.put(("service", *name), made)
        self._unsettled.clear()

    def _door(self, slice_name: str) -> int:
        kind, _, number = slice_name.partition("/")
        return self._doors.of(int(number)) if kind == "router" else 0

    def _scopes(self, slice_name: str) -> list[int]:
        kind, _, number = slice_name.partition("/")
        if kind == "router":
            return [int(number) | BY_ROUTER]
        vni = int(number)
        return [vni, *(r | BY_ROUTER for r, networks in self._networks.items() if vni in networks)]
