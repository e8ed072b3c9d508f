"""Increments are the definition: whatever changes, in whatever order and batches."""

from collections.abc import Sequence
from random import Random
from typing import Any

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
from polpo.model.qos import BandwidthLimit, DscpMarking, QosPolicy
from polpo.model.security_group import AddressGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Slices

few = st.integers(0, 2)
GROUPS = ("g0", "g1", "g2")

hosts = st.builds(
    lambda n, net: Host(id=f"H{n}", name=f"h{n}", address=f"192.0.{net}.{n}", token_hash=f"t{n}"),
    few,
    few,
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
    lambda n, net, gateway, routes, dns, dhcp: Subnet(
        id=f"S{n}",
        network_id=f"N{net}",
        ip_version=4,
        cidr=f"10.{n}.0.0/24",
        gateway_ip=gateway,
        host_routes=routes,
        dns_nameservers=dns,
        enable_dhcp=dhcp,
    ),
    few,
    few,
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
    lambda n, net, host, groups, guarded, pairs, wiring, qos, owner: Port(
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
)
objects = st.one_of(hosts, networks, subnets, address_groups, rules, qos_policies, ports, ports)
edits = st.lists(st.tuples(objects, st.integers(0, 4).map(bool)), max_size=40)

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
        (Subnet(id=f"S{n}", network_id=f"N{n}", ip_version=4, cidr=f"10.{n}.0.0/24"), True)
        for n in range(3)
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
    slices = {name: dict(rows) for name, rows in slices.items()}
    for name, rows in slice_changes(before, after, changes).items():
        kept = slices.setdefault(name, {})
        for key, row in rows.items():
            kept.pop(key, None) if row is None else kept.__setitem__(key, row)
    return {name: rows for name, rows in slices.items() if rows}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(([], BASE)), edits, st.integers(1, 8))
def test_increments_give_what_a_full_compilation_gives(
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


@settings(max_examples=100, deadline=None)
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
    assert all(list(rows) == sorted(rows) for rows in slices.values())


@settings(max_examples=100, deadline=None)
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
    assert {name: list(rows) for name, rows in found.items()} == {"network/10": ["subnet/S0"]}


@settings(max_examples=100, deadline=None)
@given(edits)
def test_every_set_of_groups_that_endpoints_are_in_is_there(
    edits: list[tuple[Object, bool]],
) -> None:
    snapshot, _ = apply(Snapshot(), edits)
    for name, rows in all_slices(snapshot).items():
        for row in rows.values():
            if groups := (getattr(row, "groups", 0) if row.key.startswith("endpoint/") else 0):
                assert f"groups/{groups}" in rows, name
