"""A Service -> what is to be in the cloud for it. Pure; raises Unusable for its user to read."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

import msgspec

from polpo.cloud import annotations as a
from polpo.cloud import members, naming
from polpo.cloud.annotations import Annotations, Unusable
from polpo.cloud.members import Subnet
from polpo.cloud.objects import Node, Service
from polpo.cloud.placing import floating, vip
from polpo.cloud.settings import METHODS, LoadBalancerClass, Settings
from polpo.cloud.wanted import Listener, Member, Monitor, Pool, Wanted
from polpo.kube.objects import EndpointSlice, ServicePort

PROXY = {"true": "PROXY", "v1": "PROXY", "v2": "PROXYV2", "false": ""}
LONGEST_MS = 2**31 - 1


class Cluster(msgspec.Struct, frozen=True):
    """`uid`: of the namespace kube-system. `pods`: the subnets of pods that are ports, if any."""

    name: str
    uid: str
    pods: tuple[Subnet, ...] = ()


class Around(msgspec.Struct, frozen=True):
    """What there is besides the Service itself."""

    cluster: Cluster
    settings: Settings
    nodes: tuple[Node, ...] = ()


def wanted(service: Service, slices: Iterable[EndpointSlice], around: Around) -> Wanted:
    """Raises Unusable."""
    given = Annotations(service.metadata.annotations)
    if not service.spec.ports:
        raise Unusable("it has no ports")
    name = naming.name_of(around.cluster.name, service)
    making = _Making(service, list(slices), around, given, name)
    settings, choice = around.settings, making.choice
    made, asked = given.text(a.MADE), given.text(a.LOAD_BALANCER_ID)
    shared = asked if asked != made else ""
    internal = settings.internal_lb or given.boolean(a.INTERNAL, False)
    if shared and internal:
        raise Unusable("a Service that is internal cannot share another's load balancer")
    proxied = bool(making.proxy)
    return Wanted(
        uid=service.metadata.uid,
        name=name,
        description=naming.description_of(around.cluster.name, service),
        floating_description=naming.floating_description(around.cluster.name, service),
        tags=naming.tags_of(name, around.cluster.uid, service.metadata.uid),
        vip=vip(service, given, choice, settings, making.near, making.subnets),
        listeners=tuple(making.listener(n, p) for n, p in enumerate(service.spec.ports)),
        floating=None if internal else floating(service, given, choice, settings),
        keeps_floating=given.boolean(a.KEEP_FLOATING, False),
        provider=settings.lb_provider,
        flavor_id=given.text(a.FLAVOR_ID, settings.flavor_id),
        availability_zone=given.text(a.AVAILABILITY_ZONE, settings.availability_zone),
        shared_id=shared,
        internal=internal,
        hostname=given.text(a.HOSTNAME),
        hostname_suffix=settings.ingress_hostname_suffix
        if settings.enable_ingress_hostname
        else "",
        proxied=proxied,
    )


class _Making:
    """What the listeners of one Service have in common, read once."""

    def __init__(
        self,
        service: Service,
        slices: list[EndpointSlice],
        around: Around,
        given: Annotations,
        name: str,
    ) -> None:
        self._service, self._slices, self._given, self._name = service, slices, given, name
        self._settings = settings = around.settings
        self.choice = _class(given, settings)
        self._to_pods = self._chosen_members(around.cluster)
        self.subnets = around.cluster.pods if self._to_pods else ()
        selector = given.labels(a.NODE_SELECTOR, settings.node_selector)
        self._nodes = [node for node in around.nodes if members.may_take(node, selector)]
        self.proxy = given.choice(a.PROXY_PROTOCOL, PROXY, "")
        self._forwarded_for = given.boolean(a.X_FORWARDED_FOR, False)
        if self.proxy and self._forwarded_for:
            raise Unusable(f"{a.PROXY_PROTOCOL} and {a.X_FORWARDED_FOR} exclude each other")
        self._tls = given.text(a.TLS_CONTAINER, settings.default_tls_container_ref)
        self._cidrs = _source_ranges(service, given)
        self._member_subnet = self._chosen_subnet()
        self._monitor_port = self._health_check_port()

    @property
    def near(self) -> str:
        """A node's address, for whoever looks for its subnet."""
        family = self._service.families[0]
        found = (members.address_of(node, family) for node in self._nodes)
        return "" if self._to_pods else next((address for address in found if address), "")

    def listener(self, number: int, port: ServicePort) -> Listener:
        given = self._given

        def ms(name: str, default: int) -> int:
            return given.integer(name, default, 0, LONGEST_MS)

        limit = given.integer(a.CONNECTION_LIMIT, -1, -1, LONGEST_MS)
        return Listener(
            name=f"listener_{number}_{self._name}"[: naming.LONGEST],
            transport=port.protocol,
            protocol=self._protocol(port),
            port=port.port,
            pool=self._pool(port),
            connection_limit=limit if port.protocol == "TCP" else -1,
            timeout_client_data=ms(a.TIMEOUT_CLIENT_DATA, 50_000),
            timeout_member_connect=ms(a.TIMEOUT_MEMBER_CONNECT, 5_000),
            timeout_member_data=ms(a.TIMEOUT_MEMBER_DATA, 50_000),
            timeout_tcp_inspect=ms(a.TIMEOUT_TCP_INSPECT, 0),
            allowed_cidrs=self._cidrs,
            forwarded_for=self._forwarded_for and port.protocol == "TCP",
            tls_container=self._tls if port.protocol == "TCP" else "",
        )

    def _protocol(self, port: ServicePort) -> str:
        """What is said in annotations is about TCP: datagrams stay datagrams."""
        if port.protocol != "TCP":
            return port.protocol
        if self._tls:
            return "TERMINATED_HTTPS"
        return "HTTP" if self._forwarded_for else "TCP"

    def _pool(self, port: ServicePort) -> Pool:
        tcp = port.protocol == "TCP"
        protocol = self._protocol(port) if not self._tls or not tcp else "HTTP"
        affinity = self._service.spec.session_affinity_config
        client = affinity.client_ip if affinity is not None else None
        return Pool(
            protocol=self.proxy if tcp and self.proxy else protocol,
            algorithm=self._given.one_of(a.LB_METHOD, METHODS, self._settings.lb_method),
            sticks=self._service.spec.session_affinity == "ClientIP",
            sticks_s=client.timeout_seconds if client is not None and not tcp else None,
            members=self._members(port),
            monitor=self._monitor(port),
        )

    def _members(self, port: ServicePort) -> tuple[Member, ...]:
        service, subnet = self._service, self._member_subnet
        if self._to_pods:
            return members.of_pods(service, port, self._slices, self.subnets, subnet)
        return members.of_nodes(service, port, self._nodes, subnet, self._monitor_port)

    def _monitor(self, port: ServicePort) -> Monitor | None:
        """A node that has no pod of a Local Service must be found out: it drops what comes."""
        settings, given = self._settings, self._given
        needed = settings.create_monitor or self._monitor_port is not None
        if not given.boolean(a.HEALTH_MONITOR, needed):
            return None
        kind = "UDP-CONNECT" if port.protocol == "UDP" else "TCP"
        delay = given.integer(a.MONITOR_DELAY, settings.monitor_delay, 1, 3600)
        timeout = given.integer(a.MONITOR_TIMEOUT, settings.monitor_timeout, 1, 3600)
        if timeout > delay:
            raise Unusable(f"{a.MONITOR_TIMEOUT} ({timeout}) may be {a.MONITOR_DELAY} at most")
        return Monitor(
            "HTTP" if self._monitor_port is not None else kind,
            delay,
            timeout,
            given.integer(a.MONITOR_MAX_RETRIES, settings.monitor_max_retries, 1, 10),
            given.integer(a.MONITOR_MAX_RETRIES_DOWN, settings.monitor_max_retries_down, 1, 10),
            "/healthz" if self._monitor_port is not None else "",
        )

    def _health_check_port(self) -> int | None:
        spec = self._service.spec
        local = spec.external_traffic_policy == "Local" and spec.health_check_node_port
        on = self._given.boolean(a.HEALTH_MONITOR, True)
        return spec.health_check_node_port if local and on and not self._to_pods else None

    def _chosen_members(self, cluster: Cluster) -> bool:
        allowed = ("auto", "pods", "nodes")
        chosen = self._given.one_of(a.MEMBERS, allowed, self._settings.members)
        if chosen == "pods" and not cluster.pods:
            raise Unusable(f"{a.MEMBERS} is pods, and the network does not carry pods as ports")
        return chosen == "pods" or (chosen == "auto" and bool(cluster.pods))

    def _chosen_subnet(self) -> str:
        """Pods are in their own, where nothing else is said; nodes in the VIP's."""
        said = self.choice.member_subnet_id or self._settings.member_subnet_id
        found = self._given.text(a.MEMBER_SUBNET_ID) or said
        if found or self._to_pods:
            return found
        subnet = self._given.text(a.SUBNET_ID)
        return subnet or self.choice.subnet_id or self._settings.subnet_id


def _class(given: Annotations, settings: Settings) -> LoadBalancerClass:
    name = given.text(a.CLASS)
    if not name:
        return LoadBalancerClass()
    if name not in settings.classes:
        known = ", ".join(sorted(settings.classes)) or "none: cloud.conf has no LoadBalancerClass"
        raise Unusable(f"annotation {a.CLASS} is {name!r}, and may be one of {known}")
    return settings.classes[name]


def _source_ranges(service: Service, given: Annotations) -> tuple[str, ...]:
    """Sorted; empty for everybody. Ranges of a family that the Service has not are of no use."""
    said = given.text(a.SOURCE_RANGES)
    asked = service.spec.load_balancer_source_ranges or tuple(said.split(",") if said else ())
    ranges = []
    for text in asked:
        try:
            ranges.append(ip_network(text.strip(), strict=False))
        except ValueError:
            where = "spec.loadBalancerSourceRanges or annotation " + a.SOURCE_RANGES
            raise Unusable(f"{text!r} in {where} is no range, such as 192.0.2.0/24") from None
    fit = {str(one) for one in ranges if f"IPv{one.version}" in service.families}
    if ranges and not fit:
        raise Unusable("none of its source ranges is of an IP family of the Service")
    return tuple(sorted(fit))
