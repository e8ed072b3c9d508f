"""Increments are the definition, in clouds with load balancers and their instances."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_compiler import (
    ROUTED,
    apply,
    check_increments,
    few,
    hosts,
    kept,
    networks,
    of_kind,
    subnets,
)

from polpo.compiler.slices import all_slices
from polpo.model.load_balancer import (
    INSTANCE,
    SINGLE,
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Outage,
    Pool,
    Vip,
)
from polpo.model.object import Object
from polpo.model.placement import HIGH, LOW, MOVING, Placement, instance_id
from polpo.model.port import FixedIP, Port
from polpo.model.secret import Secret, SecretContainer, SecretRef
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.target.balancer import Balancer

few_ids = st.sampled_from(("B0", "B1"))
balancers = st.builds(
    lambda n, net, up, topology, provider, more, wiring: LoadBalancer(
        id=f"B{n}",
        vni=30 + n,
        vip_address="10.0.0.9",
        vip_network_id=f"N{net}",
        vip_port_id=f"V{n}",
        vip_subnet_id=f"S{net}",
        additional_vips=(Vip("S2", "fd02::9"),) if more else (),
        admin_state_up=up,
        topology=topology,
        provider=provider,
        wiring=wiring,
    ),
    st.integers(0, 1),
    few,
    st.booleans(),
    st.sampled_from(("ACTIVE_STANDBY", SINGLE)),
    st.sampled_from(("amphora", "amphora", "switch")),
    st.booleans(),
    few,
)
parts = st.one_of(
    st.builds(
        lambda n, b, up, name, ref, protocol, pool: Listener(
            id=f"l{n}",
            load_balancer_id=b,
            protocol=protocol,
            default_pool_id=pool,
            protocol_port=80 + n,
            admin_state_up=up,
            name=name,
            default_tls_container_ref=ref,
        ),
        few,
        few_ids,
        st.booleans(),
        st.sampled_from(("", "a name")),
        st.sampled_from(("", "http://x/c0", "s1", "gone")),
        st.sampled_from(("TCP", "UDP")),
        st.sampled_from(("", "p0", "p1")),
    ),
    st.builds(
        lambda n, b, algorithm: Pool(
            id=f"p{n}", load_balancer_id=b, protocol="TCP", lb_algorithm=algorithm
        ),
        few,
        few_ids,
        st.sampled_from(("ROUND_ROBIN", "SOURCE_IP")),
    ),
    st.builds(
        lambda n, b, up, weight, backup: Member(
            id=f"m{n}",
            load_balancer_id=b,
            pool_id="p0",
            address=f"10.0.0.{n}",
            protocol_port=80,
            weight=weight,
            admin_state_up=up,
            backup=backup,
        ),
        few,
        few_ids,
        st.booleans(),
        few,
        st.booleans(),
    ),
    st.builds(
        lambda b, delay: HealthMonitor(
            id="h", load_balancer_id=b, pool_id="p0", type="TCP", delay=delay, timeout=1,
            max_retries=1,
        ),
        few_ids,
        few,
    ),
    st.builds(
        lambda b, up: L7Policy(
            id="y", load_balancer_id=b, listener_id="l0", action="REJECT", position=1,
            admin_state_up=up,
        ),
        few_ids,
        st.booleans(),
    ),
    st.builds(
        lambda b, value: L7Rule(
            id="r", load_balancer_id=b, l7policy_id="y", type="PATH", compare_type="EQUAL_TO",
            value=value,
        ),
        few_ids,
        st.sampled_from(("/a", "/b")),
    ),
)  # fmt: skip
secrets = st.one_of(
    st.builds(
        lambda n, project, sealed: Secret(id=f"s{n}", project_id=project, sealed=sealed),
        few,
        st.sampled_from(("", "other")),
        st.sampled_from(("", "x", "y")),
    ),
    st.builds(
        lambda n, parts: SecretContainer(
            id=f"c{n}", type="generic", secrets=tuple(SecretRef(f"s{p}", f"s{p}") for p in parts)
        ),
        st.integers(0, 1),
        st.lists(few, unique=True, max_size=2),
    ),
)
ends = st.builds(
    lambda balancer, instance, net, host: Port(
        id=f"E{balancer}{instance}{net}",
        network_id=f"N{net}",
        mac_address=f"02:00:00:0{net}:{balancer[1:]}:0{instance}",
        fixed_ips=(FixedIP(f"S{net}", f"10.{net}.0.{instance}"),) if net < 2 else (),
        device_id=instance_id(balancer, instance),
        device_owner=INSTANCE,
        host=host,
    ),
    few_ids,
    st.sampled_from((3, 4)),
    few,
    st.sampled_from(("", "h0", "h1", "h2")),
)
placements = st.builds(
    lambda balancer, instance, host, priority, leaving: Placement(
        id=instance_id(balancer, instance),
        function_id=balancer,
        instance=instance,
        host=host,
        priority=priority,
        leaving=leaving,
    ),
    st.sampled_from(("B0", "B0", "B1", "gone")),
    st.sampled_from((3, 4)),
    st.sampled_from(("h0", "h1", "h2", "gone")),
    st.sampled_from((HIGH, LOW, MOVING)),
    st.booleans(),
)
outages = st.builds(lambda n, b: Outage(id=f"m{n}", load_balancer_id=b), few, few_ids)
gates = st.builds(
    lambda net, last: Port(
        id=f"G{net}",
        network_id=f"N{net}",
        mac_address=f"02:00:00:0{net}:fe:0{last}",
        fixed_ips=(FixedIP(f"S{net}", f"10.{net}.0.{last}"),),
        device_id="r0",
        device_owner="network:router_interface",
    ),
    few,
    few,
)
some = st.one_of(
    *(hosts, networks, subnets, balancers, balancers, parts, parts, parts, secrets, ends),
    *(placements, outages, gates),
)
edits = st.lists(st.tuples(some, kept), max_size=20)


def placed(instance: int, host: str) -> list[tuple[Any, bool]]:
    id = instance_id("B0", instance)
    port = Port(
        id=f"EB0{instance}0",
        network_id="N0",
        mac_address=f"02:00:00:00:00:0{instance}",
        fixed_ips=(FixedIP("S0", f"10.0.0.{instance}"),),
        device_id=id,
        device_owner=INSTANCE,
        host=host,
    )
    at = Placement(id=id, function_id="B0", instance=instance, host=host, priority=HIGH)
    return [(port, True), (at, True)]


BALANCED: list[tuple[Any, bool]] = [
    *ROUTED,
    (
        LoadBalancer(
            id="B0",
            vni=30,
            vip_address="10.0.0.9",
            vip_network_id="N0",
            vip_port_id="V0",
            vip_subnet_id="S0",
        ),
        True,
    ),
    (Listener(id="l0", load_balancer_id="B0", protocol="TCP", protocol_port=80), True),
    (
        Listener(
            id="l1", load_balancer_id="B0", protocol="UDP", protocol_port=53, default_pool_id="p0"
        ),
        True,
    ),
    (Pool(id="p0", load_balancer_id="B0", protocol="UDP", lb_algorithm="ROUND_ROBIN"), True),
    *placed(3, "h1"),
    *placed(4, "h2"),
]
"""B0 is in N0, with both instances placed."""


@settings(max_examples=300)
@given(edits, st.integers(1, 6))
def test_increments_give_what_a_full_compilation_gives(
    edits: list[tuple[Object, bool]], batch: int
) -> None:
    check_increments(BALANCED, edits, batch)


@settings(max_examples=200)
@given(edits)
def test_each_balancer_has_all_that_it_refers_to(edits: list[tuple[Object, bool]]) -> None:
    snapshot, _ = apply(Snapshot(), [*BALANCED, *edits])
    slices = all_slices(snapshot)
    for found in slices.values():
        own = {p.id: p for p in of_kind(rows.Port, found)}
        for row in of_kind(Balancer, found):
            transit = slices[f"network/{row.vni}"]
            assert own[row.port].vni == row.vni
            assert {lease.subnet for lease in own[row.port].leases} == {
                s.id for s in of_kind(rows.Subnet, transit)
            }
            assert f"endpoint/{row.port}" in transit
            assert f"network/{row.vni}" in found
            for link in (row.front, *row.backs):
                assert f"network/{own[link.port].vni}" in found
            assert all(x.admin_state_up for x in (*row.listeners, *row.policies, *row.rules))
