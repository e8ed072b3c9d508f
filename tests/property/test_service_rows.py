"""Increments are the definition, in clouds with Kubernetes clusters and their Services."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_compiler import (
    ROUTED,
    apply,
    check_increments,
    few,
    hosts,
    interfaces,
    kept,
    of_kind,
    routers,
)

from polpo.compiler.slices import all_slices
from polpo.model.cluster import POD, Cluster, Node
from polpo.model.object import Object
from polpo.model.port import FixedIP, Port
from polpo.model.service import Service, ServiceBackend, ServicePort
from polpo.model.snapshot import Snapshot
from polpo.target import service as rows

ROUTE = "10.9.0.0/16"
"""Routers have one of their own there, at times."""
nodes = st.builds(
    Node,
    st.sampled_from(("", "a", "b")),
    st.sampled_from(((), ("192.0.0.1",), ("192.0.0.1", "2001:db8::1"))),
)
clusters = st.builds(
    lambda n, router, nodes, cidrs: Cluster(
        id=f"C{n}",
        name=f"c{n}",
        network_id="N0",
        router_id=f"T{router}",
        nodes=nodes,
        service_cidrs=cidrs,
    ),
    st.integers(0, 1),
    few,
    st.dictionaries(st.sampled_from(("h0", "h1", "gone")), nodes, max_size=2),
    st.sampled_from(((), ("10.254.0.0/16",), ("10.254.0.0/16", "fdfe::/112"), (ROUTE,))),
)
backends = st.builds(
    ServiceBackend,
    st.sampled_from(("10.0.0.1", "10.0.0.2", "fd00::1")),
    st.sampled_from((80, 81)),
    st.sampled_from(("", "h0", "h1", "gone")),
    st.booleans(),
    st.booleans(),
    st.sampled_from(((), ("a",))),
    st.sampled_from(((), (), ("h0", "gone"))),
)
ports = st.builds(
    ServicePort,
    st.sampled_from(("tcp", "udp")),
    st.sampled_from((80, 443)),
    st.lists(backends, max_size=3).map(tuple),
    st.sampled_from((0, 30080)),
    st.sampled_from(((), ("203.0.113.7",))),
)
services = st.builds(
    lambda n, cluster, addresses, given, sticks_s, local, guests, health_port: Service(
        id=f"s{n}",
        cluster_id=f"C{cluster}",
        name=f"default/s{n}",
        addresses=addresses,
        ports=given,
        sticks_s=sticks_s,
        local=local,
        guests=guests,
        health_port=health_port,
        external=("203.0.113.7",) if sticks_s else (),
        balanced=("203.0.113.8", "2001:db8::8") if guests else (),
        sources=("192.0.2.0/24",) if local else (),
    ),
    few,
    st.integers(0, 1),
    st.sampled_from((("10.254.0.1",), ("10.254.0.1", "fdfe::1"), ())),
    st.lists(ports, max_size=2).map(tuple),
    st.sampled_from((0, 60)),
    st.booleans(),
    st.sampled_from(("", "cluster", "local")),
    st.sampled_from((0, 32000)),
)
pods = st.builds(
    lambda n, host, exposed: Port(
        id=f"X{n}",
        network_id="N0",
        mac_address=f"02:00:00:00:01:0{n}",
        fixed_ips=(FixedIP("S0", f"10.0.1.{n}"), FixedIP("S6", f"fd00::1:{n}")),
        host=host,
        device_owner=POD,
        profile={"cluster": "c0"} | ({"exposed": exposed} if exposed else {}),
    ),
    few,
    st.sampled_from(("", "h0", "h1")),
    st.lists(
        st.sampled_from(
            (["tcp", 80, 8080, ""], ["udp", 53, 53, "127.0.0.1"], ["tcp", 81, 1, "192.0.0.1"])
        ),
        max_size=2,
    ),
)
some = st.one_of(hosts, routers, interfaces, clusters, services, services, pods)
edits = st.lists(st.tuples(some, kept), max_size=20)
SERVED: list[tuple[Any, bool]] = [
    *ROUTED,
    (Cluster(id="C0", name="c0", network_id="N0", router_id="T0"), True),
    (
        Service(
            id="s0",
            cluster_id="C0",
            name="default/s0",
            addresses=("10.254.0.1",),
            ports=(ServicePort("tcp", 80, (ServiceBackend("10.0.0.1", 80, "h0"),)),),
        ),
        True,
    ),
]


@settings(max_examples=300)
@given(edits, st.integers(1, 6))
def test_increments_give_what_a_full_compilation_gives(
    edits: list[tuple[Object, bool]], batch: int
) -> None:
    check_increments(SERVED, edits, batch)


@settings(max_examples=100)
@given(edits)
def test_each_backend_is_a_services_and_of_its_family(edits: list[tuple[Object, bool]]) -> None:
    snapshot, _ = apply(Snapshot(), [*SERVED, *edits])
    for found in all_slices(snapshot).values():
        given = {row.id: row for row in of_kind(rows.Service, found)}
        for row in of_kind(rows.Backend, found):
            assert (":" in given[row.service].address) == (":" in row.address)
