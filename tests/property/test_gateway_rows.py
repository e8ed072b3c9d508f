"""Increments are the definition, in clouds with gateways, floating IPs and placements."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_compiler import (
    PREFIXES,
    ROUTED,
    apply,
    check_increments,
    few,
    hosts,
    interfaces,
    kept,
    networks,
    of_kind,
    ports,
    qos_policies,
    routers,
    subnets,
)

from polpo.compiler.slices import all_slices
from polpo.model.network import Network, Subnet, SubnetPool
from polpo.model.object import Object
from polpo.model.placement import HIGH, LOW, MOVING, Placement, instance_id
from polpo.model.port import FixedIP, Port
from polpo.model.router import GATEWAY, FloatingIP, Forwarding, Router
from polpo.model.snapshot import Snapshot
from polpo.target import rows

replace = msgspec.structs.replace
scopes = st.sampled_from((None, "X", "Y"))
outsides = st.builds(
    lambda network, physical, vlan: replace(
        network, external=True, physical_network=physical, vlan_id=vlan
    ),
    networks,
    st.sampled_from((None, "physnet1", "physnet1", "physnet2")),
    st.sampled_from((None, 7)),
)
pools = st.builds(
    lambda n, scope: SubnetPool(
        id=f"L{n}",
        prefixes=(),
        ip_version=4,
        default_prefixlen=24,
        min_prefixlen=8,
        max_prefixlen=32,
        address_scope_id=scope,
    ),
    st.integers(0, 1),
    scopes,
)
pooled = st.builds(
    lambda subnet, pool: replace(subnet, subnetpool_id=pool),
    subnets,
    st.sampled_from((None, "L0", "L1")),
)
leading_out = st.builds(
    lambda router, snat: replace(
        router,
        gateway_port_id=f"G{router.id[1:]}" if router.external_network_id else "",
        enable_snat=snat,
    ),
    routers,
    st.booleans(),
)
gateways = st.builds(
    lambda n, net, held, mac: Port(
        id=f"G{n}",
        network_id=f"N{net}",
        mac_address=f"02:00:00:0{mac}:00:0{n}",
        fixed_ips=tuple(
            FixedIP(f"S{s}", PREFIXES[s] + "7" if s == 2 else f"10.{s}.0.7") for s in held
        ),
        device_id=f"T{n}",
        device_owner=GATEWAY,
    ),
    few,
    few,
    st.lists(few, unique=True, max_size=2),
    st.integers(0, 1),
)
forwardings = st.builds(
    lambda n, last, inside: Forwarding(
        id=f"F{n}",
        protocol="tcp",
        external_port=80,
        external_port_last=80 + last,
        internal_port_id="P0",
        internal_address="10.0.0.2",
        internal_port=8080,
        internal_port_last=8080 + inside * last,
    ),
    few,
    few,
    st.integers(0, 1),
)
floating = st.builds(
    lambda n, router, port, forwarded, qos: FloatingIP(
        id=f"A{n}",
        floating_network_id="N2",
        floating_ip_address=f"203.0.113.{n}",
        floating_port_id="",
        port_id=port,
        fixed_ip_address="10.0.0.1" if port else "",
        router_id=router,
        forwardings=tuple(forwarded),
        qos_policy_id=qos,
    ),
    few,
    st.sampled_from(("", "T0", "T1", "gone")),
    st.sampled_from(("", "P1")),
    st.lists(forwardings, max_size=2),
    st.sampled_from(("", "Q0", "Q1")),
)
placements = st.builds(
    lambda router, instance, host, priority, preempt: Placement(
        id=instance_id(router, instance),
        function_id=router,
        instance=instance,
        host=host,
        priority=priority,
        preempt=preempt,
    ),
    st.sampled_from(("T0", "T1", "T1", "gone")),
    st.sampled_from((3, 4)),
    st.sampled_from(("h0", "h1", "h2", "gone")),
    st.sampled_from((HIGH, LOW, MOVING)),
    st.booleans(),
)
some = st.one_of(
    hosts,
    networks,
    outsides,
    subnets,
    pools,
    pooled,
    ports,
    interfaces,
    leading_out,
    leading_out,
    gateways,
    floating,
    floating,
    qos_policies,
    placements,
    placements,
)
edits = st.lists(st.tuples(some, kept), max_size=20)

OUTSIDE: list[tuple[Any, bool]] = [
    *ROUTED,
    (
        Network(
            id="N2",
            vni=12,
            mtu=1400,
            external=True,
            network_type="flat",
            physical_network="physnet1",
        ),
        True,
    ),
    (Router(id="T1", vni=16, external_network_id="N2", gateway_port_id="G1"), True),
    (
        Port(
            id="G1",
            network_id="N2",
            mac_address="02:00:00:00:00:07",
            fixed_ips=(FixedIP("S2", "fd02::7"),),
            device_id="T1",
            device_owner=GATEWAY,
        ),
        True,
    ),
    *(
        (
            Placement(
                id=instance_id("T1", instance),
                function_id="T1",
                instance=instance,
                host=host,
                priority=HIGH,
            ),
            True,
        )
        for instance, host in ((3, "h1"), (4, "h2"))
    ),
    (
        SubnetPool(
            id="L0",
            prefixes=(),
            ip_version=4,
            default_prefixlen=24,
            min_prefixlen=8,
            max_prefixlen=32,
        ),
        True,
    ),
    (Subnet(id="S1", network_id="N1", ip_version=4, cidr="10.1.0.0/24", subnetpool_id="L0"), True),
]
"""Router T1 has a gateway in N2, with both instances placed."""


@settings(max_examples=300)
@given(edits, st.integers(1, 6))
def test_increments_give_what_a_full_compilation_gives(
    edits: list[tuple[Object, bool]], batch: int
) -> None:
    check_increments(OUTSIDE, edits, batch)


@settings(max_examples=200)
@given(edits)
def test_each_gateway_has_all_that_it_refers_to(edits: list[tuple[Object, bool]]) -> None:
    snapshot, _ = apply(Snapshot(), [*OUTSIDE, *edits])
    slices = all_slices(snapshot)
    for name, found in slices.items():
        for row in of_kind(rows.Gateway, found):
            transit = slices[f"network/{row.vni}"]
            (port,) = [p for p in of_kind(rows.Port, found) if p.id == row.port]
            assert (port.vni, port.mtu) == (row.vni, row.mtu)
            assert {lease.subnet for lease in port.leases} == {
                s.id for s in of_kind(rows.Subnet, transit)
            }
            assert f"endpoint/{row.port}" in transit
            assert {f"network/{row.vni}", f"routing/{row.vni}"} <= found.keys()
            member = f"member/{transit_host(transit, row.port)}"
            domain = next(r.domain for r in of_kind(rows.Router, slices[f"router/{row.vni}"]))
            assert member in slices[f"router/{domain}"], name
            assert not set(row.snat) & set(row.routed)
            assert set(row.snat) | set(row.routed) <= set(row.inside)


def transit_host(transit: dict[str, rows.AnyRow], port: str) -> str:
    return next(e.host_address for e in of_kind(rows.Endpoint, transit) if e.port == port)
