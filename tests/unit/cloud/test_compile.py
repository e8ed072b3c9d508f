"""What a Service comes to in the cloud, by what it asks for."""

from typing import Any

import msgspec
import pytest

from polpo.cloud import annotations as a
from polpo.cloud.annotations import Unusable
from polpo.cloud.compile import Around, Cluster, wanted
from polpo.cloud.members import EXCLUDED, Subnet
from polpo.cloud.objects import Node, Service
from polpo.cloud.settings import LoadBalancerClass, Settings
from polpo.cloud.wanted import Floating, Listener, Member, Monitor, Pool, Vip, Wanted
from polpo.kube.objects import EndpointSlice
from polpo.testing.kubernetes.objects import Object, endpoints, service

PODS = (Subnet("pods4", "10.100.0.0/16"), Subnet("pods6", "fd00:100::/64"))
CARRIED = Around(Cluster("lab", "cluster-uid", PODS), Settings())
FOREIGN = Around(Cluster("lab", "cluster-uid"), Settings(subnet_id="nodes"))


def of(around: Around = CARRIED, *slices: Object, **more: Any) -> Wanted:
    annotations = more.pop("annotations", {})
    given = service("web", ports=more.pop("ports", "http:tcp:80"), type="LoadBalancer", **more)
    given["metadata"] |= {"uid": "u", "annotations": annotations}
    found = msgspec.convert(given, Service)
    return wanted(found, [msgspec.convert(s, EndpointSlice) for s in slices], around)


def listener(around: Around = CARRIED, *slices: Object, **more: Any) -> Listener:
    (found,) = of(around, *slices, **more).listeners
    return found


def node(name: str, *addresses: str, **more: Any) -> Node:
    at = [{"type": "InternalIP", "address": address} for address in addresses]
    labels = more.pop("labels", {})
    body = {"metadata": {"name": name, "labels": labels}, "status": {"addresses": at}}
    return msgspec.convert(body | {"spec": more}, Node)


def at_nodes(*nodes: Node) -> Around:
    return msgspec.structs.replace(FOREIGN, nodes=nodes)


NODE_PORTS = [{"name": "http", "port": 80, "protocol": "TCP", "nodePort": 30080}]


def to_nodes(around: Around, **more: Any) -> Listener:
    given = service("web", type="LoadBalancer", **more.pop("spec", {}))
    given["spec"]["ports"] = more.pop("ports", NODE_PORTS)
    given["metadata"] |= {"uid": "u", "annotations": more}
    (found,) = wanted(msgspec.convert(given, Service), [], around).listeners
    return found


def test_a_plain_service_is_a_listener_of_tcp_beside_the_pods_with_a_floating_ip() -> None:
    slices = endpoints("w", "web", ports="http:tcp:8080", addresses=["10.100.0.7"])
    found = of(CARRIED, slices)
    assert found.listeners == (
        Listener(
            name="listener_0_kube_service_lab_default_web",
            transport="TCP",
            protocol="TCP",
            port=80,
            pool=Pool(
                "TCP",
                "ROUND_ROBIN",
                sticks=False,
                sticks_s=None,
                members=(Member("10.100.0.7", 8080, "", "pods4"),),
                monitor=None,
            ),
        ),
    )
    assert found.vip == Vip(subnet_id="pods4")
    assert found.floating == Floating()
    assert found.tags == (
        "kube_service_lab_default_web",
        "kubernetes:cluster=cluster-uid",
        "kubernetes:service=u",
    )


def test_two_families_are_two_addresses_and_members_of_both() -> None:
    four = endpoints("w4", "web", ports="http:tcp:80", addresses=["10.100.0.7"])
    six = endpoints("w6", "web", ports="http:tcp:80", addresses=["fd00:100::7"])
    found = of(CARRIED, four, six, ipFamilies=["IPv4", "IPv6"])
    assert found.vip == Vip(subnet_id="pods4", more=("pods6",))
    (one,) = found.listeners
    assert [m.subnet_id for m in one.pool.members] == ["pods4", "pods6"]
    alone = of(CARRIED, four, six, ipFamilies=["IPv6"])
    assert alone.vip == Vip(subnet_id="pods6")
    assert alone.floating is None


def end(address: str, **conditions: bool) -> Object:
    return {"addresses": [address], "conditions": conditions}


ENDING = {"ready": False, "serving": True, "terminating": True}


def test_a_pod_that_ends_has_no_new_connections_but_where_all_end() -> None:
    both = [end("10.100.0.1", ready=True), end("10.100.0.2", **ENDING)]
    slices = endpoints("w", "web", ports="http:tcp:80", endpoints=both)
    assert [m.weight for m in listener(CARRIED, slices).pool.members] == [1, 0]
    slices = endpoints("w", "web", ports="http:tcp:80", endpoints=both[1:])
    assert [m.weight for m in listener(CARRIED, slices).pool.members] == [1]


def test_a_pod_that_is_not_ready_is_no_member() -> None:
    ends = [end("10.100.0.1", ready=False, serving=False), end("10.100.0.2")]
    slices = endpoints("w", "web", ports="http:tcp:80", endpoints=ends)
    assert [m.address for m in listener(CARRIED, slices).pool.members] == ["10.100.0.2"]


def test_ports_of_both_protocols_are_listeners_of_both() -> None:
    found = of(ports="dns:udp:53 dns-tcp:tcp:53", annotations={a.PROXY_PROTOCOL: "v2"})
    assert [(one.key, one.pool.protocol) for one in found.listeners] == [
        (("UDP", 53), "UDP"),
        (("TCP", 53), "PROXYV2"),
    ]
    assert found.proxied


def test_affinity_has_the_services_time_where_octavia_takes_one() -> None:
    config = {"clientIP": {"timeoutSeconds": 60}}
    asked: Object = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": config}
    tcp, udp = of(ports="a:tcp:1 b:udp:2", **asked).listeners
    assert (tcp.pool.sticks, tcp.pool.sticks_s) == (True, None)
    assert (udp.pool.sticks, udp.pool.sticks_s) == (True, 60)


@pytest.mark.parametrize(
    ("annotations", "protocol", "pool"),
    [
        ({a.X_FORWARDED_FOR: "true"}, "HTTP", "HTTP"),
        ({a.TLS_CONTAINER: "https://k/v1/containers/c"}, "TERMINATED_HTTPS", "HTTP"),
        ({a.PROXY_PROTOCOL: "true"}, "TCP", "PROXY"),
        ({a.PROXY_PROTOCOL: "v1"}, "TCP", "PROXY"),
        ({a.PROXY_PROTOCOL: "false"}, "TCP", "TCP"),
    ],
)
def test_annotations_choose_the_protocols(
    annotations: dict[str, str], protocol: str, pool: str
) -> None:
    found = listener(annotations=annotations)
    assert (found.protocol, found.pool.protocol) == (protocol, pool)


def test_figures_are_as_annotated() -> None:
    found = listener(
        annotations={
            a.CONNECTION_LIMIT: "7",
            a.TIMEOUT_CLIENT_DATA: "1",
            a.TIMEOUT_MEMBER_CONNECT: "2",
            a.TIMEOUT_MEMBER_DATA: "3",
            a.TIMEOUT_TCP_INSPECT: "4",
            a.LB_METHOD: "LEAST_CONNECTIONS",
            a.HEALTH_MONITOR: "true",
            a.MONITOR_DELAY: "9",
            a.MONITOR_TIMEOUT: "8",
            a.MONITOR_MAX_RETRIES: "2",
            a.MONITOR_MAX_RETRIES_DOWN: "4",
        }
    )
    assert found.connection_limit == 7
    assert (found.timeout_client_data, found.timeout_member_connect) == (1, 2)
    assert (found.timeout_member_data, found.timeout_tcp_inspect) == (3, 4)
    assert found.pool.algorithm == "LEAST_CONNECTIONS"
    assert found.pool.monitor == Monitor("TCP", 9, 8, 2, 4)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (a.CONNECTION_LIMIT, "x", "a whole number from -1 to"),
        (a.CONNECTION_LIMIT, "-2", "a whole number from -1 to"),
        (a.KEEP_FLOATING, "yes", "one of true, false"),
        (a.INTERNAL, "", "one of true, false"),
        (a.PROXY_PROTOCOL, "v3", "one of true, v1, v2, false"),
        (a.LB_METHOD, "RANDOM", "one of ROUND_ROBIN, LEAST_CONNECTIONS"),
        (a.MEMBERS, "all", "one of auto, pods, nodes"),
        (a.CLASS, "dmz", "none: cloud.conf has no LoadBalancerClass"),
        (a.MONITOR_MAX_RETRIES, "11", "a whole number from 1 to 10"),
        (a.NODE_SELECTOR, ",=", "labels as key=value"),
        (a.SOURCE_RANGES, "10.0.0.0/8, all", "is no range"),
    ],
)
def test_a_wrong_annotation_is_named_with_what_is_allowed(name: str, value: str, said: str) -> None:
    with pytest.raises(Unusable) as refused:
        of(annotations={name: value, a.HEALTH_MONITOR: "true"})
    assert name in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "annotations",
    [
        {a.PROXY_PROTOCOL: "true", a.X_FORWARDED_FOR: "true"},
        {a.HEALTH_MONITOR: "true", a.MONITOR_DELAY: "2", a.MONITOR_TIMEOUT: "3"},
    ],
)
def test_what_excludes_each_other_is_refused(annotations: dict[str, str]) -> None:
    with pytest.raises(Unusable):
        of(annotations=annotations)


def test_source_ranges_are_those_of_the_services_families() -> None:
    ranges = ["10.0.0.7/8", "fd00::/8"]
    assert listener(loadBalancerSourceRanges=ranges).allowed_cidrs == ("10.0.0.0/8",)
    annotated = {a.SOURCE_RANGES: "192.0.2.0/24, 198.51.100.0/24"}
    found = listener(annotations=annotated).allowed_cidrs
    assert found == ("192.0.2.0/24", "198.51.100.0/24")


def test_ranges_of_another_family_only_let_nobody_in_by_mistake() -> None:
    with pytest.raises(Unusable):
        of(loadBalancerSourceRanges=["fd00::/8"])


def test_inside_an_address_is_the_vips_and_outside_a_floating_one() -> None:
    inside = of(loadBalancerIP="10.100.0.99", annotations={a.INTERNAL: "true"})
    assert (inside.vip.address, inside.floating) == ("10.100.0.99", None)
    outside = of(loadBalancerIP="203.0.113.9")
    assert outside.vip.address == ""
    assert outside.floating == Floating(address="203.0.113.9")


def test_places_are_from_annotations_before_the_class_before_the_settings() -> None:
    classes = {"dmz": LoadBalancerClass(floating_network_id="dmz-net", subnet_id="dmz-subnet")}
    settings = Settings(floating_network_id="net", subnet_id="subnet", classes=classes)
    around = Around(CARRIED.cluster, settings)
    assert of(around).vip == Vip(subnet_id="subnet")
    chosen = of(around, annotations={a.CLASS: "dmz", a.FLOATING_NETWORK: "other"})
    assert chosen.vip == Vip(subnet_id="dmz-subnet")
    assert chosen.floating == Floating("dmz-net")
    own = of(around, annotations={a.CLASS: "dmz", a.SUBNET_ID: "mine"})
    assert own.vip == Vip(subnet_id="mine")
    port = of(around, annotations={a.PORT_ID: "p"})
    assert port.vip == Vip(port_id="p")


def test_a_floating_subnets_id_comes_before_its_name_and_tags() -> None:
    by_id = {a.FLOATING_SUBNET_ID: "s", a.FLOATING_SUBNET: "public*"}
    assert of(annotations=by_id).floating == Floating("", "s")
    by_name = {a.FLOATING_SUBNET: "public*", a.FLOATING_SUBNET_TAGS: "cheap"}
    assert of(annotations=by_name).floating == Floating("", "", "public*", "cheap")


def test_nodes_take_the_traffic_where_pods_are_no_ports() -> None:
    around = at_nodes(node("n2", "192.0.2.2"), node("n1", "192.0.2.1", "fd00::1"))
    found = to_nodes(around)
    assert found.pool.members == (
        Member("192.0.2.1", 30080, "n1", "nodes"),
        Member("192.0.2.2", 30080, "n2", "nodes"),
    )


def test_a_node_that_leaves_is_excluded_or_not_selected_takes_none() -> None:
    around = at_nodes(
        node("n1", "192.0.2.1", labels={"role": "edge"}),
        node("n2", "192.0.2.2", labels={"role": "edge", EXCLUDED: ""}),
        node("n3", "192.0.2.3", labels={"role": "core"}),
        node(
            "n4",
            "192.0.2.4",
            labels={"role": "edge"},
            taints=[{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}],
        ),
    )
    found = to_nodes(around, **{a.NODE_SELECTOR: "role=edge"})
    assert [m.name for m in found.pool.members] == ["n1"]


def test_a_local_service_asks_nodes_whether_they_have_a_pod() -> None:
    around = at_nodes(node("n1", "192.0.2.1"))
    local = {"externalTrafficPolicy": "Local", "healthCheckNodePort": 31000}
    found = to_nodes(around, spec=local)
    assert found.pool.monitor == Monitor("HTTP", 5, 3, 1, 3, "/healthz")
    assert [m.monitor_port for m in found.pool.members] == [31000]
    unasked = to_nodes(around, spec=local, **{a.HEALTH_MONITOR: "false"})
    assert unasked.pool.monitor is None
    assert [m.monitor_port for m in unasked.pool.members] == [None]


def test_without_node_ports_nodes_are_no_members() -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    assert to_nodes(at_nodes(node("n1", "192.0.2.1")), ports=ports).pool.members == ()


def test_pods_are_asked_for_in_vain_where_they_are_no_ports() -> None:
    with pytest.raises(Unusable, match="does not carry pods"):
        of(FOREIGN, annotations={a.MEMBERS: "pods"})


def test_near_a_node_is_where_nothing_else_is_known() -> None:
    bare = Around(Cluster("lab", "c"), Settings(), (node("n1", "192.0.2.1"),))
    assert of(bare).vip == Vip(near="192.0.2.1")
    with pytest.raises(Unusable, match="subnet-id"):
        of(Around(Cluster("lab", "c"), Settings()))


def test_its_own_load_balancer_is_not_shared_and_anothers_is() -> None:
    own = {a.LOAD_BALANCER_ID: "x", a.MADE: "x"}
    assert of(annotations=own).shared_id == ""
    assert of(annotations={a.LOAD_BALANCER_ID: "y", a.MADE: "x"}).shared_id == "y"
