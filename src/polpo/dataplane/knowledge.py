"""What the switch's model knows: target rows, and the flows, fragments and moves it has seen."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from polpo.dataplane import metadata, tiers
from polpo.dataplane.calls import Caller, CallerKey
from polpo.dataplane.endpoints import Plug, link_local
from polpo.dataplane.frames import Transport
from polpo.dataplane.held import Asked, Held, found_at, found_by_guests
from polpo.dataplane.policies import what_of
from polpo.dataplane.prefixes import inside, is_ipv6
from polpo.dataplane.questions import asks
from polpo.dataplane.router_model import RouterModel
from polpo.dataplane.serving import Here
from polpo.dataplane.steps import Judged, Recorder, unheard
from polpo.dataplane.tables import PortFlag, State, pack_address, pack_mac
from polpo.dataplane.turned import Turn
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
    Router,
    Rule,
    Subnet,
)
from polpo.target.service import Node


class Flow(msgspec.Struct):
    """A connection in its originator's direction; `turn` if it is one to a service's backend."""

    source: bytes
    destination: bytes
    transport: Transport
    state: State = State(0)
    turn: Turn | None = None


class Chosen(NamedTuple):
    """The backend of a client's flow to a service, and the port that the client has there."""

    address: bytes
    port: int
    source_port: int
    direct: bool


ChosenKey = tuple[int, bytes, bytes, int, int, int]
"""vni, client, service, protocol, their ports"""


class Where(msgspec.Struct, frozen=True):
    """A local interface, another host, or a router, which is everywhere."""

    ifindex: int = 0
    vtep: str = ""
    router: int = 0


FlowKey = tuple[int, int, frozenset[tuple[bytes, int]], bytes]


def flow_key(vni: int, source: bytes, destination: bytes, t: Transport) -> FlowKey:
    ends = frozenset(((source, t.source_port), (destination, t.destination_port)))
    asker = b"" if not t.echo else source if t.echo > 0 else destination
    return vni, t.protocol, ends, asker


class Knowledge:
    """What one host's switch knows: what it was told, and what it saw.

    `vtep` is its own; `plugs` are its local interfaces by port id. Slices of networks are looked
    at when they are needed: `rows` may make them then. `record` is told of what is decided.
    """

    record: Recorder = staticmethod(unheard)

    def __init__(self, vtep: str, rows: Mapping[str, Iterable[AnyRow]], plugs: Mapping[str, Plug]):
        self.rows = rows
        own = [row for name in rows if name.startswith("host/") for row in rows[name]]
        ports = [row for row in own if isinstance(row, Port) and row.id in plugs]
        self.ports = {plugs[row.id].ifindex: row for row in ports}
        self.policies = {row.number: row for row in own if isinstance(row, Policy)}
        self.networks = {row.vni: row for row in own if isinstance(row, Network)}
        self.hosts = {row.address for row in rows["hosts"] if isinstance(row, Host)}
        self.vtep, self.plugs = vtep, plugs
        routing = [rows[name] for name in rows if name.startswith("router/")]
        self.routers = {
            row.vni: RouterModel(row, given)
            for given in routing
            for row in given
            if isinstance(row, Router)
        }
        self.flows: dict[FlowKey, Flow] = {}
        self.fragments: dict[tuple[object, ...], Transport] = {}
        self.moved: dict[tuple[int, bytes], tuple[bytes, int]] = {}
        self.moved_fdb: dict[tuple[int, bytes], Where] = {}
        self.callers: dict[CallerKey, Caller] = {}
        self.chosen: dict[ChosenKey, Chosen] = {}
        self.sticky: dict[tuple[tuple[str, str], bytes], tuple[bytes, int]] = {}

    def endpoints(self, vni: int) -> Iterator[Endpoint]:
        rows = self.rows.get(f"network/{vni}", ())
        return (row for row in rows if isinstance(row, Endpoint))

    def interfaces(self, vni: int) -> Iterator[tuple[int, Interface]]:
        """Routers in a network, by number."""
        for number, router in self.routers.items():
            for interface in router.interfaces:
                if interface.vni == vni:
                    yield number, interface

    def hosts_told(self, vni: int) -> set[str]:
        """Who learns when an address of the network moves, besides us."""
        network = self.networks.get(vni)
        if network is None or not network.domain:
            return self.hosts_of(vni)
        rows = self.rows.get(f"router/{network.domain}", ())
        return {row.address for row in rows if isinstance(row, Member)} - {self.vtep}

    def hosts_of(self, vni: int) -> set[str]:
        """The other hosts that have ports of the network."""
        return {row.host_address for row in self.endpoints(vni)} - {self.vtep}

    def answered(self, vni: int) -> set[PortFlag]:
        """What the agent answers for the network."""
        subnets = (row for row in self.rows.get(f"network/{vni}", ()) if isinstance(row, Subnet))
        return {flag for subnet in subnets for flag in PortFlag if flag & asks(subnet)}

    def service(self, vni: int, router: int, t: Transport, address: bytes) -> Held | None:
        """What the sender finds at the address, sending to the router, 0 within the network."""
        networks = [i.vni for i in self.routers[router].interfaces] if router else [vni]
        names = [f"router/{router}"] if router else []
        for name in (*names, *(f"network/{n}" for n in networks)):
            found = found_at(self.rows.get(name, ()), self.asked(t, address, router), router > 0)
            if found:
                return found
        return None

    def asked(self, t: Transport, address: bytes, router: int) -> Asked:
        rows = self.rows.get(f"router/{router}", ())
        here = Here.among(self.vtep, (row for row in rows if isinstance(row, Node)))
        return Asked(t, address, self.hosts, here)

    def router_for_guests(self, t: Transport, address: bytes) -> int:
        """That of a service for guests; 0 if there is none at the address."""
        for number in sorted(self.routers):
            if found_by_guests(self.rows[f"router/{number}"], self.asked(t, address, number)):
                return number
        return 0

    def service_for_guests(self, router: int, t: Transport, address: bytes) -> Held | None:
        return found_by_guests(self.rows[f"router/{router}"], self.asked(t, address, router))

    def neighbour(self, vni: int, address: bytes) -> tuple[bytes, int] | None:
        """MAC and group set number of an address."""
        for row in self.endpoints(vni):
            if address in map(pack_address, row.addresses):
                return pack_mac(row.mac), row.groups
        for _, interface in self.interfaces(vni):
            if address in names_of(interface):
                return pack_mac(interface.mac), 0
        if vni in self.networks and address in metadata.PACKED:
            return metadata.voice(vni), 0
        return self.moved.get((vni, address))

    def where(self, vni: int, mac: bytes) -> Where | None:
        for row in self.endpoints(vni):
            if pack_mac(row.mac) == mac:
                if row.host_address != self.vtep:
                    return Where(vtep=row.host_address)
                if row.port in self.plugs:
                    return Where(self.plugs[row.port].ifindex)
        for number, interface in self.interfaces(vni):
            if pack_mac(interface.mac) == mac:
                return Where(router=number)
        return self.moved_fdb.get((vni, mac))

    def learn(self, vni: int, address: bytes, mac: bytes, where: Where) -> bool:
        """False for what cannot have moved: the addresses in rows stay where these say."""
        fixed = {pack_address(a) for row in self.endpoints(vni) for a in row.addresses}
        fixed = fixed.union(*(names_of(interface) for _, interface in self.interfaces(vni)))
        fixed |= metadata.PACKED if vni in self.networks else set()
        if mac[0] & 1 or address in fixed:
            return False
        known = [row for row in self.endpoints(vni) if pack_mac(row.mac) == mac]
        known = [row for row in known if row.host_address != self.vtep or row.port in self.plugs]
        routers = {pack_mac(interface.mac) for _, interface in self.interfaces(vni)}
        if not known and mac not in routers:
            self.moved_fdb[vni, mac] = where
        self.moved[vni, address] = mac, known[0].groups if known else 0
        return True

    def allows(self, port: Port, ingress: bool, remote: bytes, what: Transport, vni: int) -> bool:
        policy = self.policies.get(port.policy)
        groups = self._groups(vni, remote)
        allowed = tiers.allowed(
            rule
            for rule in (policy.rules if policy is not None else ())
            if rule.ingress == ingress and covers(rule, remote, groups) and is_about(rule, what)
        )
        self.record(Judged(port.id, ingress, remote, groups, what, allowed))
        return allowed

    def _groups(self, vni: int, address: bytes) -> tuple[str, ...]:
        neighbour = self.neighbour(vni, address)
        for row in self.rows.get(f"network/{vni}", ()):
            if isinstance(row, GroupSet) and neighbour and row.number == neighbour[1]:
                return row.groups
        return ()


def names_of(interface: Interface) -> set[bytes]:
    """The addresses that a router answers for in a network."""
    own = {pack_address(text.partition("/")[0]) for text in interface.addresses}
    return own | {link_local(pack_mac(interface.mac))}


def covers(rule: Rule, remote: bytes, groups: tuple[str, ...]) -> bool:
    if (rule.family == 6) != is_ipv6(remote):
        return False
    if rule.group is not None:
        return rule.group in groups
    return rule.prefix is None or inside(remote, rule.prefix)


def is_about(rule: Rule, what: Transport) -> bool:
    protocol, low, high = what_of(rule)
    port = what.destination_port if what.kind < 0 else what.kind << 8 | what.code
    return protocol < 0 or (protocol == what.protocol and low <= port <= high)
