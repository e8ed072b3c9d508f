"""A small cloud in the model's words, for traces: two projects, two networks, a router, a way out.

    blue (10.0.0.0/24, fd00::/64) ---- router r ---- green (10.1.0.0/24, fd01::/64)
                                          |
                                       outside (203.0.113.0/24), by gateways on h1 and h3

Ports are bound to hosts by their names: a1 is in blue on h1, b2 in green on h2. Group `web` lets
TCP 80 in from members of `clients`.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from polpo.model.host import Host
from polpo.model.network import HostRoute, Network, Subnet
from polpo.model.object import Object
from polpo.model.placement import Placement, instance_id
from polpo.model.port import FixedIP, Port
from polpo.model.router import GATEWAY as OUTSIDE
from polpo.model.router import INTERFACE, FloatingIP, Router
from polpo.model.security_group import SecurityGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot

OURS, THEIRS = "p", "q"
HOSTS = [
    Host(id=f"H{n}", name=f"h{n}", address=f"192.0.2.{n}", token_hash=f"t{n}") for n in (1, 2, 3)
]
NETWORKS = [
    Network(id="blue", name="blue", vni=7, mtu=1450, project_id=OURS),
    Network(id="green", name="green", vni=8, mtu=1400, project_id=OURS),
    Network(
        id="outside",
        vni=6,
        mtu=1450,
        external=True,
        network_type="flat",
        physical_network="physnet1",
    ),
]
SUBNETS = [
    Subnet(
        id="blue4",
        network_id="blue",
        ip_version=4,
        cidr="10.0.0.0/24",
        gateway_ip="10.0.0.1",
        host_routes=(HostRoute("10.9.0.0/16", "10.0.0.9"),),
        project_id=OURS,
    ),
    Subnet(
        id="blue6",
        network_id="blue",
        ip_version=6,
        cidr="fd00::/64",
        gateway_ip="fd00::1",
        project_id=OURS,
    ),
    Subnet(
        id="green4",
        network_id="green",
        ip_version=4,
        cidr="10.1.0.0/24",
        gateway_ip="10.1.0.1",
        project_id=OURS,
    ),
    Subnet(
        id="green6",
        network_id="green",
        ip_version=6,
        cidr="fd01::/64",
        gateway_ip="fd01::1",
        project_id=OURS,
    ),
    Subnet(
        id="outside4",
        network_id="outside",
        ip_version=4,
        cidr="203.0.113.0/24",
        gateway_ip="203.0.113.1",
    ),
]


def rule(id: str, group: str, direction: str, **fields: object) -> SecurityGroupRule:
    made = SecurityGroupRule(
        id=id, security_group_id=group, direction=direction, ethertype="IPv4", project_id=OURS
    )
    return replace(made, **fields)


GROUPS: list[Object] = [
    SecurityGroup(id="clients", name="clients", project_id=OURS),
    SecurityGroup(id="web", name="web", project_id=OURS),
    SecurityGroup(id="closed", name="closed", project_id=THEIRS),
    rule("clients-out", "clients", "egress"),
    rule("clients-out6", "clients", "egress", ethertype="IPv6"),
    rule("web-out", "web", "egress", remote_ip_prefix="10.0.0.0/8"),
    rule(
        "web-in",
        "web",
        "ingress",
        protocol="tcp",
        port_range_min=80,
        port_range_max=80,
        remote_group_id="clients",
    ),
    rule("web-ping", "web", "ingress", protocol="icmp", remote_ip_prefix="10.0.0.0/24"),
    rule("web-in6", "web", "ingress", protocol="tcp", ethertype="IPv6"),
]


def interface(network: str, number: int) -> Port:
    fixed = (FixedIP(f"{network}4", f"10.{number}.0.1"), FixedIP(f"{network}6", f"fd0{number}::1"))
    return Port(
        id=f"r-{network}",
        network_id=network,
        mac_address=f"02:00:00:00:0{number}:fe",
        fixed_ips=fixed,
        device_id="r",
        device_owner=INTERFACE,
        project_id=OURS,
    )


def port(name: str, number: int, group: str, project: str = OURS) -> Port:
    """a1: in network a (blue), on host h1."""
    net = "ab".index(name[0])
    network = NETWORKS[net].id
    return Port(
        id=name,
        name=name,
        network_id=network,
        mac_address=f"02:00:00:00:0{net}:{number:02x}",
        fixed_ips=(
            FixedIP(f"{network}4", f"10.{net}.0.{number}"),
            FixedIP(f"{network}6", f"fd0{net}::{number:x}"),
        ),
        host=f"h{name[1]}",
        security_groups=(group,),
        project_id=project,
    )


PORTS = [
    port("a1", 11, "clients"),
    port("a2", 12, "web"),
    port("b1", 21, "web"),
    port("b2", 22, "web"),
    port("b3", 23, "closed", THEIRS),
]
ROUTER = Router(id="r", name="r", vni=9, project_id=OURS)
OUT = replace(ROUTER, gateway_port_id="g", external_network_id="outside")
GATEWAY: list[Object] = [
    OUT,
    Port(
        id="g",
        network_id="outside",
        mac_address="fa:16:3e:00:00:09",
        fixed_ips=(FixedIP("outside4", "203.0.113.5"),),
        device_id="r",
        device_owner=OUTSIDE,
    ),
    *(
        Placement(
            id=instance_id("r", number), function_id="r", instance=number, host=host, priority=200
        )
        for number, host in ((3, "h3"), (4, "h1"))
    ),
]
"""The router's way out: instance 3 on h3, 4 on h1."""
FLOATING = FloatingIP(
    id="fip",
    floating_network_id="outside",
    floating_ip_address="203.0.113.22",
    floating_port_id="f",
    port_id="b2",
    fixed_ip_address="10.1.0.22",
    router_id="r",
    project_id=OURS,
)
CLOUD: list[Object] = [
    *HOSTS,
    *NETWORKS,
    *SUBNETS,
    *GROUPS,
    *PORTS,
    interface("blue", 0),
    interface("green", 1),
    ROUTER,
]


def snapshot(*more: Object, without: Iterable[str] = ()) -> Snapshot:
    """The cloud with these objects besides, or in place of those with their ids."""
    gone = {*without, *(obj.id for obj in more)}
    return Snapshot.of([*(obj for obj in CLOUD if obj.id not in gone), *more], 9)
