"""Increments are the definition: whatever changes, in whatever order and batches."""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from polpo.compiler.changes import rewind, slice_changes
from polpo.compiler.slices import all_slices
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import HostRoute, Network, Subnet
from polpo.model.object import Object
from polpo.model.port import AddressPair, FixedIP, Port
from polpo.model.probe import Probe, ProbePlace
from polpo.model.qos import BandwidthLimit, DscpMarking, QosPolicy
from polpo.model.router import INTERFACES, FloatingIP, Router
from polpo.model.security_group import AddressGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.target.row import Row
from polpo.target.rows import Slices

R = TypeVar("R", bound=Row)
few = st.integers(0, 2)
GROUPS = ("g0", "g1", "g2")
PREFIXES = ("10.0.0.0", "10.1.0.0", "fd02::")  # of subnets, by number

hosts = st.builds(
    lambda n, net, zone: Host(
        id=f"H{n}",
        name=f"h{n}",
        address=f"192.0.{net}.{n}",
        token_hash=f"t{n}",
        availability_zone=zone,
    ),
    few,
    few,
    st.sampled_from(("east", "west")),
)
networks = st.builds(
    lambda n, spare, mtu, up, domain, qos: Network(
        id=f"N{n}",
        vni=n + 10 * spare,
        mtu=mtu,
        admin_state_up=up,
        name="n",
        dns_domain=domain,
        qos_policy_id=qos,
    ),
    few,
    st.integers(1, 2),
    st.sampled_from((1450, 8950)),
    st.booleans(),
    st.sampled_from(("", "example.org.")),
    st.sampled_from(("", "Q0", "Q1")),
)
qos_policies = st.builds(
    lambda n, rules, name: QosPolicy(id=f"Q{n}", name=name, rules=rules),
    few,
    st.sampled_from(
        ((), (DscpMarking("D", 46),), (BandwidthLimit("L", 9000), DscpMarking("D", 8)))
    ),
    st.sampled_from(("gold", "silver")),
)
subnets = st.builds(
    lambda n, net, length, gateway, routes, dns, dhcp: Subnet(
        id=f"S{n}",
        network_id=f"N{net}",
        ip_version=6 if ":" in PREFIXES[n] else 4,
        cidr=PREFIXES[n] + length,
        gateway_ip=gateway,
        host_routes=routes,
        dns_nameservers=dns,
        enable_dhcp=dhcp,
    ),
    few,
    few,
    st.sampled_from(("/24", "/32")),
    st.sampled_from((None, "10.0.0.1")),
    st.sampled_from(((), (HostRoute("10.9.0.0/16", "10.0.0.9"),))),
    st.sampled_from(((), ("9.9.9.9",))),
    st.booleans(),
)
address_groups = st.builds(
    lambda n, addresses: AddressGroup(id=f"A{n}", addresses=addresses),
    few,
    st.sampled_from(((), ("10.1.0.0/16",), ("10.1.0.0/16", "2001:db8::/32"))),
)
rules = st.builds(
    lambda n, group, direction, ethertype, protocol, remote, book: SecurityGroupRule(
        id=f"R{n}",
        security_group_id=group,
        direction=direction,
        ethertype=ethertype,
        protocol=protocol,
        remote_group_id=remote if book is None else None,
        remote_address_group_id=book,
    ),
    st.integers(0, 5),
    st.sampled_from(GROUPS),
    st.sampled_from(("ingress", "egress")),
    st.sampled_from(("IPv4", "IPv6")),
    st.sampled_from((None, "tcp", "icmp", "icmpv6", "58")),
    st.sampled_from((None, *GROUPS)),
    st.sampled_from((None, None, "A0", "A1")),
)
ports = st.builds(
    lambda n, net, host, groups, guarded, pairs, wiring, qos, owner, profile: Port(
        id=f"P{n}",
        network_id=f"N{net}",
        mac_address=f"02:00:00:00:00:0{n}",
        fixed_ips=(FixedIP(f"S{net}", f"10.{net}.0.{n}"),),
        host=host,
        security_groups=groups,
        port_security_enabled=guarded,
        allowed_address_pairs=pairs,
        wiring=wiring,
        qos_policy_id=qos,
        device_owner=owner,
        profile=profile,
    ),
    st.integers(0, 5),
    few,
    st.sampled_from(("", "h0", "h1", "h2")),
    st.lists(st.sampled_from(GROUPS), unique=True, max_size=2).map(tuple),
    st.booleans(),
    st.sampled_from(((), (AddressPair("10.0.0.100"), AddressPair("10.2.0.0/16", "02:AA::1")))),
    st.integers(0, 9),
    st.sampled_from(("", "Q0", "Q1")),
    st.sampled_from(("", "compute:nova", "network:dhcp")),
    st.sampled_from(({}, {"metadata": {"meta": {"a": "b"}}}, {"metadata": "nonsense"})),
)
floating_ips = st.builds(
    lambda n, port: FloatingIP(
        id=f"F{n}",
        floating_network_id="N1",
        floating_ip_address=f"203.0.113.{n}",
        floating_port_id="",
        port_id=port,
        fixed_ip_address=f"10.0.0.{n}" if port else "",
    ),
    few,
    st.sampled_from(("", "P0", "P1")),
)
routers = st.builds(
    lambda n, spare, up, outside, routes: Router(
        id=f"T{n}",
        vni=n + 10 * spare + 5,
        admin_state_up=up,
        external_network_id=outside,
        gateway_port_id="G" if outside else "",
        routes=routes,
    ),
    few,
    st.integers(1, 2),
    st.integers(0, 4).map(bool),
    st.sampled_from(("", "N1", "N2", "gone")),
    st.lists(
        st.builds(
            HostRoute,
            st.sampled_from(("10.9.0.0/16", "0.0.0.0/0", "fd99::/64")),
            st.sampled_from(("10.0.0.9", "10.1.0.9", "fd02::9", "10.77.0.1")),
        ),
        max_size=3,
    ).map(tuple),
)
interfaces = st.builds(
    lambda n, net, router, subnets, mac, up, owner: Port(
        id=f"P{n}",
        network_id=f"N{net}",
        mac_address=f"02:00:00:00:0{mac}:0{n}",
        fixed_ips=tuple(FixedIP(f"S{subnet}", PREFIXES[subnet]) for subnet in subnets),
        device_id=router,
        device_owner=owner,
        admin_state_up=up,
    ),
    st.integers(4, 8),
    few,
    st.sampled_from(("T0", "T1", "T2", "T2", "gone")),
    st.lists(few, unique=True, max_size=2),
    st.integers(0, 1),
    st.integers(0, 4).map(bool),
    st.sampled_from(INTERFACES),
)
probes = st.builds(
    lambda n, hosts, armed: Probe(
        id=f"B{n}",
        sender="P0",
        frame="00" * 40,
        places=tuple(ProbePlace(host, ("P0",)) for host in hosts),
        until="",
        armed=armed,
    ),
    few,
    st.lists(st.sampled_from(("h0", "h1", "h2")), unique=True, min_size=1),
    st.booleans(),
)
objects = st.one_of(
    probes,
    hosts,
    networks,
    subnets,
    address_groups,
    rules,
    qos_policies,
    floating_ips,
    ports,
    ports,
    routers,
    interfaces,
    interfaces,
)
kept = st.integers(0, 4).map(bool)
edits = st.lists(st.tuples(objects, kept), max_size=40)
routed = st.one_of(hosts, networks, subnets, ports, routers, interfaces, routers, interfaces)
routed_edits = st.lists(st.tuples(routed, kept), max_size=20)

BASE: list[tuple[Any, bool]] = [
    *(
        (Host(id=f"H{n}", name=f"h{n}", address=f"192.0.2.{n}", token_hash=f"t{n}"), True)
        for n in range(3)
    ),
    (QosPolicy(id="Q0", rules=(BandwidthLimit("L", 9000),)), True),
    (QosPolicy(id="Q1", rules=(DscpMarking("D", 46),)), True),
    *(
        (Network(id=f"N{n}", vni=n + 10, mtu=1450, qos_policy_id=("", "Q0", "Q1")[n]), True)
        for n in range(3)
    ),
    *(
        (Subnet(id=f"S{n}", network_id=f"N{n}", ip_version=4, cidr=f"{prefix}/24"), True)
        for n, prefix in enumerate(PREFIXES)
    ),
    (AddressGroup(id="A0", addresses=("10.1.0.0/16",)), True),
    (
        SecurityGroupRule(
            id="R0",
            security_group_id="g0",
            direction="ingress",
            ethertype="IPv4",
            remote_address_group_id="A0",
        ),
        True,
    ),
    *(
        (
            Port(
                id=f"P{n}",
                network_id=f"N{n % 3}",
                mac_address=f"02:00:00:00:00:0{n}",
                fixed_ips=(FixedIP(f"S{n % 3}", f"10.{n % 3}.0.{n}"),),
                host=f"h{n % 2}",
                security_groups=("g0",),
            ),
            True,
        )
        for n in range(6)
    ),
]
"""A cloud where everything refers to something, so that few edits meet all dependencies."""

ROUTED: list[tuple[Any, bool]] = [
    *BASE,
    *(
        (
            Port(
                id=f"P{number}",
                network_id=f"N{network}",
                mac_address=f"02:00:00:00:00:1{number}",
                fixed_ips=(FixedIP(f"S{network}", PREFIXES[network]),),
                device_id=f"T{router}",
                device_owner=INTERFACES[0],
            ),
            True,
        )
        for number, network, router in ((6, 0, 0), (7, 1, 0), (8, 1, 1))
    ),
    (Router(id="T0", vni=15, routes=(HostRoute("10.9.0.0/16", "10.0.0.9"),)), True),
    (Router(id="T1", vni=16, external_network_id="N2", gateway_port_id="G"), True),
]
"""The same with two of its networks joined, one of them to the third as the outside."""


def apply(snapshot: Snapshot, edits: Sequence[tuple[Any, bool]]) -> tuple[Snapshot, list[Any]]:
    """Each edit is a revision: puts the object, or removes what has its id."""
    changes: list[Change[Any]] = []
    for obj, keep in edits:
        revision, before = snapshot.revision + 1, snapshot.get(type(obj), obj.id)
        if before is None and not keep:
            continue
        snapshot = (snapshot.put(obj) if keep else snapshot.remove(obj)).at(revision)
        changes.append(Change(revision=revision, before=before, after=obj if keep else None))
    return snapshot, changes


def follow(slices: Slices, before: View, after: View, changes: list[Change[Any]]) -> Slices:
    """The slices after the increment."""
    slices = {name: dict(found) for name, found in slices.items()}
    for name, changed in slice_changes(before, after, changes).items():
        kept = slices.setdefault(name, {})
        for key, row in changed.items():
            kept.pop(key, None) if row is None else kept.__setitem__(key, row)
    return {name: found for name, found in slices.items() if found}


@settings(max_examples=300)
@given(st.sampled_from(([], BASE, ROUTED)), edits, st.integers(1, 8))
def test_increments_give_what_a_full_compilation_gives(
    base: list[tuple[Any, bool]], edits: list[tuple[Object, bool]], batch: int
) -> None:
    check_increments(base, edits, batch)


@settings(max_examples=300)
@given(routed_edits, st.integers(1, 4))
def test_so_do_those_that_join_networks_and_part_them(
    edits: list[tuple[Object, bool]], batch: int
) -> None:
    check_increments(ROUTED, edits, batch)


def check_increments(
    base: list[tuple[Any, bool]], edits: list[tuple[Object, bool]], batch: int
) -> None:
    snapshot, _ = apply(Snapshot(), base)
    view, slices = View(snapshot), all_slices(snapshot)
    for start in range(0, len(edits), batch):
        snapshot, changes = apply(snapshot, edits[start : start + batch])
        after = view.after(snapshot, changes)
        slices = follow(slices, view, after, changes)
        assert slices == all_slices(snapshot)
        view = after


@settings(max_examples=100)
@given(edits, st.randoms(use_true_random=False))
def test_the_order_in_which_objects_came_does_not_matter(
    edits: list[tuple[Object, bool]], random: Random
) -> None:
    snapshot, _ = apply(Snapshot(), edits)
    shuffled = list(snapshot.objects())
    random.shuffle(shuffled)
    again, _ = apply(Snapshot(), [(obj, True) for obj in shuffled])
    slices = all_slices(again)
    assert slices == all_slices(snapshot)
    assert all(list(found) == sorted(found) for found in slices.values())


@settings(max_examples=100)
@given(edits, edits)
def test_rewinding_leads_back(
    first: list[tuple[Object, bool]], second: list[tuple[Object, bool]]
) -> None:
    then, _ = apply(Snapshot(), first)
    now, changes = apply(then, second)
    back = rewind(now, changes, then.revision)
    assert back.revision == then.revision
    assert {(o.kind, o.id): o for o in back.objects()} == {
        (o.kind, o.id): o for o in then.objects()
    }
    assert all_slices(back) == all_slices(then)


def test_a_changed_subnet_is_one_row() -> None:
    then, _ = apply(Snapshot(), BASE)
    subnet = Subnet(
        id="S0", network_id="N0", ip_version=4, cidr="10.0.0.0/24", dns_nameservers=("9.9.9.9",)
    )
    now, changes = apply(then, [(subnet, True)])
    found = slice_changes(View(then), View(now), changes)
    assert {name: list(changed) for name, changed in found.items()} == {"network/10": ["subnet/S0"]}


def test_one_port_more_of_a_domain_is_one_port_more() -> None:
    then, _ = apply(Snapshot(), ROUTED)
    port = Port(id="P99", network_id="N1", mac_address="02:00:00:00:00:99", host="h0")
    now, changes = apply(then, [(port, True)])
    found = slice_changes(View(then), View(now), changes)
    assert {name: list(changed) for name, changed in found.items()} == {
        "host/h0": ["port/P99"],
        "network/11": ["endpoint/P99"],
    }


@settings(max_examples=100)
@given(st.sampled_from(([], ROUTED)), st.one_of(edits, routed_edits))
def test_a_host_has_all_of_a_domain_or_nothing_and_those_that_have_it_are_its_members(
    base: list[tuple[Any, bool]], edits: list[tuple[Object, bool]]
) -> None:
    snapshot, _ = apply(Snapshot(), [*base, *edits])
    slices = all_slices(snapshot)
    routers = [row for found in slices.values() for row in of_kind(rows.Router, found)]
    for number in {row.domain for row in routers}:
        vnis = {row.vni for row in routers if row.domain == number}
        assert number == min(vnis)
        shared = [slices[f"router/{vni}"] for vni in vnis]
        joined = {row.vni for found in shared for row in of_kind(rows.Interface, found)}
        members = set()
        for host in snapshot.all(Host):
            own = slices.get(f"host/{host.name}", {})
            routing = {row.vni for row in of_kind(rows.Routing, own)} & vnis
            networks = {row.vni for row in of_kind(rows.Network, own) if row.domain == number}
            assert routing in (set(), vnis)
            assert joined <= networks if routing else not networks
            members |= {host.address} if routing else set()
        assert members == {row.address for row in of_kind(rows.Member, slices[f"router/{number}"])}


def of_kind(kind: type[R], found: dict[str, rows.AnyRow]) -> list[R]:
    return [row for row in found.values() if isinstance(row, kind)]


@settings(max_examples=100)
@given(edits)
def test_every_set_of_groups_that_endpoints_are_in_is_there(
    edits: list[tuple[Object, bool]],
) -> None:
    snapshot, _ = apply(Snapshot(), edits)
    for name, found in all_slices(snapshot).items():
        for row in found.values():
            if groups := (getattr(row, "groups", 0) if row.key.startswith("endpoint/") else 0):
                assert f"groups/{groups}" in found, name
