"""A trace says what becomes of the packet in the kernel's switches, host by host."""

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dataplane import packets
from tests.dataplane.rig import Rig
from tests.dataplane.scenes import PORTS as NUMBERS

from polpo.compiler.slices import all_slices, carried, host_name
from polpo.compiler.view import View
from polpo.dataplane.entries import Plug
from polpo.dataplane.model import Verdict
from polpo.model.network import HostRoute, Subnet
from polpo.model.object import Object
from polpo.model.placement import instance_id
from polpo.model.port import AddressPair, Port
from polpo.model.router import Router
from polpo.model.security_group import SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Port as PortRow
from polpo.testing.traced import (
    CLOUD,
    GATEWAY,
    HOSTS,
    OUT,
    PORTS,
    ROUTER,
    SUBNETS,
    interface,
    port,
    rule,
)
from polpo.trace.engine import trace
from polpo.trace.values import Question, Trace
from polpo.trace.words import GATEWAYS
from polpo.trace.workload import frame, sending
from polpo.trace.world import Seen, World

Fate = tuple[str, str]
"""Why it is dropped, or else the id of the port that gets it, or who answers."""

some = st.sampled_from
ENDS = [instance_id("r", number) for number in (3, 4)]
"""Where the gateway's instances are plugged in."""
GROUPS = ("clients", "web", "closed")
MORE = [port("a3", 13, "web"), port("b4", 24, "clients"), port("a5", 15, "clients")]
MORE = [replace(made, host=host) for made, host in zip(MORE, ("h1", "h2", "h1"), strict=True)]
PLACES = ("h1", "h1", "h2", "h2", "h3", "")
quick = settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@st.composite
def rules(draw: st.DrawFn, index: int) -> SecurityGroupRule:
    family, protocol = draw(some(("IPv4", "IPv6"))), draw(some((None, "tcp", "udp", "icmp", "6")))
    low, high = sorted((draw(some(NUMBERS[1:])), draw(some(NUMBERS[1:]))))
    ranged = protocol in ("tcp", "udp") and draw(st.booleans())
    prefixes = {
        "IPv4": (None, "10.1.0.0/24", "10.0.0.11/32", "0.0.0.0/0"),
        "IPv6": (None, "fd01::/64", "fd00::b/128"),
    }
    group = draw(some((None, None, *GROUPS)))
    return rule(
        f"rule{index}",
        draw(some(GROUPS)),
        draw(some(("ingress", "egress", "ingress"))),
        ethertype=family,
        protocol=protocol,
        port_range_min=low if ranged else None,
        port_range_max=high if ranged else None,
        remote_group_id=group,
        remote_ip_prefix=None if group else draw(some(prefixes[family])),
    )


@st.composite
def ports(draw: st.DrawFn, made: Port) -> Port:
    secured = draw(some((True, True, True, False)))
    groups = st.lists(some(GROUPS), unique=True, min_size=1, max_size=2).map(tuple)
    pairs = ((), (), (AddressPair("10.0.0.100"),), (AddressPair("172.16.0.0/12"),))
    return replace(
        made,
        host=draw(some((made.host, made.host, *PLACES))),
        admin_state_up=draw(some((True,) * 7 + (False,))),
        port_security_enabled=secured,
        security_groups=draw(groups) if secured else (),
        allowed_address_pairs=draw(some(pairs)) if secured else (),
    )


@st.composite
def routers(draw: st.DrawFn) -> Router:
    hops = ("10.1.0.21", "10.1.0.22", "10.0.0.12", "10.0.0.99", "fd01::16", "192.0.2.99")
    destinations = ("172.16.0.0/12", "10.1.0.22/32", "10.0.0.11/32", "0.0.0.0/0", "2001:db8::/32")
    pairs = st.tuples(some(destinations), some(hops)).filter(
        lambda r: (":" in r[0]) == (":" in r[1])
    )
    routes = draw(st.lists(pairs, max_size=3, unique=True))
    return replace(
        draw(some((ROUTER, ROUTER, OUT))),
        admin_state_up=draw(some((True,) * 5 + (False,))),
        routes=tuple(HostRoute(*route) for route in routes),
    )


@st.composite
def subnets(draw: st.DrawFn, made: Subnet) -> Subnet:
    gateway = draw(some((made.gateway_ip,) * 5 + (None,)))
    routes = draw(some((made.host_routes, (), (HostRoute("10.1.0.0/24", "10.0.0.12"),))))
    return replace(made, gateway_ip=gateway, host_routes=routes if made.ip_version == 4 else ())


@st.composite
def clouds(draw: st.DrawFn) -> Snapshot:
    made: list[Object] = [draw(ports(p)) for p in (*PORTS, *MORE)]
    made += [draw(rules(n)) for n in range(draw(st.integers(0, 6)))]
    made += [draw(subnets(s)) for s in SUBNETS[:4]]
    router = draw(routers())
    made += [*(obj for obj in GATEWAY if router.gateway_port_id and obj is not OUT), router]
    made.append(replace(interface("green", 1), admin_state_up=draw(some((True,) * 5 + (False,)))))
    kept = {obj.id for obj in made}
    return Snapshot.of([*(obj for obj in CLOUD if obj.id not in kept), *made], 3)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    ends = [fixed.ip_address for p in (*PORTS, *MORE) for fixed in p.fixed_ips]
    others = ("10.0.0.1", "10.1.0.1", "fd00::1", "fd01::1", "172.16.0.1", "9.9.9.9", "10.0.0.100")
    to = draw(some([*ends * 2, *others, "10.1.0.99", "2001:db8::9", "169.254.169.254"]))
    protocol = draw(some((6, 6, 6, 17, 58 if ":" in to else 1, 132)))
    number = 0 if protocol in (1, 58) else draw(some(NUMBERS[1:]))
    return Question(draw(some([p.id for p in (*PORTS, *MORE)])), to, protocol, number)


class Kernel:
    """The switches of all hosts in turn, in one kernel."""

    def __init__(self, rig: Rig, snapshot: Snapshot, plugged: frozenset[str]) -> None:
        self.rig, self.snapshot, self.plugged = rig, snapshot, plugged
        self.view, self.slices = View(snapshot), all_slices(snapshot)

    def enter(self, host: str) -> None:
        """The rig is this host from now on."""
        names = {host_name(host), *carried(self.view, host)}
        rows = {name: list(self.slices.get(name, {}).values()) for name in names}
        ports = [row.id for row in rows[host_name(host)] if isinstance(row, PortRow)]
        found = sorted(id for id in ports if id in self.plugged)
        self.plugs = {id: Plug(11 + index) for index, id in enumerate(found)}
        self.address = next(h.address for h in HOSTS if h.name == host)
        self.rig.set(rows, self.plugs, self.address)

    def fate(self, question: Question) -> Fate:
        sender = self.snapshot.get(Port, question.port)
        assert sender is not None
        way = sending(self.snapshot, sender, question.to)
        assert way is not None
        self.enter(sender.host)
        found = self.resolve(sender, way.source, way.next_hop)
        if found.answer is None:
            return found.drop.name.lower() if found.drop else "unresolved", ""
        sent = frame(found.answer[6:12] + packets.mac(sender.mac_address), way.source, question)
        verdict = self.rig.from_port(self.plugs[sender.id].ifindex, sent)
        if verdict.host is not None:
            verdict = self.cross(sender, sent, verdict)
        return self.end(verdict)

    def resolve(self, sender: Port, source: str, target: str) -> Verdict:
        """By ARP or neighbour discovery, as the switch answers it."""
        own = sender.mac_address
        asked = packets.arp(own, True, (own, source), ("00:00:00:00:00:00", target))
        if ":" in target:
            group = ("33:33:ff:00:00:01", "ff02::1:ff00:1")
            asked = packets.frame((own, source), group, 58, packets.nd(135, target, own))
        return self.rig.from_port(self.plugs[sender.id].ifindex, asked)

    def cross(self, sender: Port, sent: bytes, verdict: Verdict) -> Verdict:
        came_from, there = self.address, next(h for h in HOSTS if h.address == verdict.host)
        network = self.view.network(sender.network_id)
        assert network is not None
        self.enter(there.name)
        return self.rig.from_overlay(verdict.vni or network.vni, came_from, verdict.frame or sent)

    def end(self, verdict: Verdict) -> Fate:
        if verdict.drop is not None:
            return verdict.drop.name.lower(), ""
        if verdict.port is not None:
            (port,) = (id for id, plug in self.plugs.items() if plug.ifindex == verdict.port)
            return "", "gateway" if port in ENDS else port
        return "", "answered"


def told(found: Trace) -> Fate:
    """Up to the gateway, which is no switch's affair."""
    about = found.steps[-1].about
    assert about is not None
    kinds = {step.kind for step in found.steps}
    if kinds & {"nat", "gateway", "leave"} or found.reason in GATEWAYS:
        return "", "gateway"
    if found.verdict == "delivered":
        return "", about.id
    return (found.reason, "") if found.reason else ("", found.verdict)


def undecided(found: Trace) -> bool:
    """What has never got to a switch: the kernel has no part in it."""
    own = [step.text for step in found.steps if step.text.startswith("has this address itself")]
    return found.reason in ("unbound", "unplugged", "no_way") or bool(own)


def named(found: Trace) -> Iterator[str]:
    return (s.about.id for s in found.steps if s.about and s.about.kind == "security_group_rule")


@quick
@given(
    snapshot=clouds(),
    asked=st.lists(questions(), min_size=1, max_size=4),
    unplugged=st.sets(some([p.id for p in (*PORTS, *MORE)]), max_size=2),
)
def test_a_trace_tells_the_packets_fate(
    rig: Rig, snapshot: Snapshot, asked: list[Question], unplugged: set[str]
) -> None:
    plugged = frozenset((*ENDS, *(p.id for p in (*PORTS, *MORE)))) - unplugged
    kernel = Kernel(rig, snapshot, plugged)
    for question in asked:
        found = trace(World(snapshot, Seen(plugged=plugged)), question)
        if not undecided(found):
            assert told(found) == kernel.fate(question), (question, found.steps)


@quick
@given(snapshot=clouds(), question=questions())
def test_the_rules_that_are_named_are_enough(snapshot: Snapshot, question: Question) -> None:
    found = trace(World(snapshot, Seen()), question)
    rules = set(named(found))
    least = [o for o in snapshot.objects() if not isinstance(o, SecurityGroupRule) or o.id in rules]
    again = trace(World(Snapshot.of(least, 4), Seen()), question)
    if found.verdict in ("delivered", "answered"):
        assert told(again) == told(found)
    elif rules and found.reason:
        assert again.reason == found.reason
