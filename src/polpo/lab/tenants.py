"""What the lab asks of the public API: two projects with networks whose addresses overlap.

Idempotent by name: what a first run made, a second finds.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

import msgspec

from polpo.client.clouds import Cloud
from polpo.client.session import ApiError, Session


class Workload(msgspec.Struct, frozen=True):
    """A namespace with a port on a host; `serves` says which TCP ports it answers HTTP on.

    network   the name of one of its project's networks
    floating  its address outside, if it has one of its own
    """

    name: str
    project: str
    host: str
    addresses: tuple[str, ...]
    group: str
    serves: tuple[int, ...] = ()
    network: str = "net"
    floating: str = ""


NETWORKS: dict[str, dict[str, tuple[str, ...]]] = {
    "polpo": {"net": ("10.0.0.0/24", "fd00:10::/64"), "apps": ("10.0.1.0/24", "fd00:11::/64")},
    "other": {"net": ("10.0.0.0/24",)},
}
"""project -> network -> its subnets; a router joins them, and leads outside"""

WORKLOADS = (
    Workload("client", "polpo", "h1", ("10.0.0.10", "fd00:10::10"), "client"),
    Workload("web1", "polpo", "h1", ("10.0.0.11", "fd00:10::11"), "web", (80, 81)),
    Workload(
        "web2",
        "polpo",
        "h2",
        ("10.0.0.12", "fd00:10::12"),
        "web",
        (80, 81),
        floating="203.0.113.12",
    ),
    Workload("web3", "polpo", "h3", ("10.0.0.13", "fd00:10::13"), "web", (80,)),
    Workload("app", "polpo", "h2", ("10.0.1.12", "fd00:11::12"), "web", (80,), network="apps"),
    Workload("other-client", "other", "h1", ("10.0.0.10",), "client"),
    Workload("other-web", "other", "h2", ("10.0.0.12",), "web", (80,)),
    Workload("other-only", "other", "h3", ("10.0.0.99",), "web", (80,)),
)
"""`web` lets in TCP 80, UDP 80 and ping; `client` nothing, so that only replies reach it."""


ROUTER = "router"


def ensure_people(admin: Session, people: dict[str, str]) -> None:
    """A project for each user (user -> password) and the role `member` in it."""
    role = _named(admin.identity("GET", "/roles", name="member")["roles"])
    assert role is not None
    for user, password in people.items():
        project = _ensure(admin, "projects", {"name": user, "domain_id": "default"})
        body = {"name": user, "domain_id": "default", "password": password}
        person = _ensure(admin, "users", body)
        admin.identity("PUT", f"/projects/{project['id']}/users/{person['id']}/roles/{role['id']}")


def ensure_networks(session: Session, project: str) -> dict[str, str]:
    """The project's networks with their subnets, joined by its router: name -> id."""
    wanted = NETWORKS[project]
    found = {name: ensure_network(session, name, cidrs) for name, cidrs in wanted.items()}
    ensure_router(session, ROUTER, found.values())
    return found


def ensure_outside(admin: Session, physical_network: str, subnets: dict[str, str]) -> str:
    """The external network with these subnets (prefix -> gateway); its id."""
    external = {"router:external": True, "provider:network_type": "flat"}
    body = {"name": "outside", **external, "provider:physical_network": physical_network}
    network = str(_ensure_net(admin, "networks", body)["id"])
    for cidr, gateway in subnets.items():
        version = 6 if ":" in cidr else 4
        made = {"name": f"outside-v{version}", "network_id": network, "ip_version": version}
        more = {"cidr": cidr, "gateway_ip": gateway, "enable_dhcp": False}
        if version == 4:  # what is chosen at random is none of those that are given by name
            first = ip_network(cidr)[100]
            more["allocation_pools"] = [{"start": str(first), "end": str(first + 150)}]
        _ensure_net(admin, "subnets", {**made, **more})
    return network


def ensure_way_out(session: Session, outside: str, name: str = ROUTER) -> list[str]:
    """The gateway of a router of the project; the router's addresses outside."""
    router = _ensure_net(session, "routers", {"name": name})
    if router["external_gateway_info"] is None:
        body = {"router": {"external_gateway_info": {"network_id": outside}}}
        router = session.network("PUT", f"/routers/{router['id']}", body)["router"]
    held = router["external_gateway_info"]["external_fixed_ips"]
    return [fixed["ip_address"] for fixed in held]


def ensure_floating_ip(admin: Session, outside: str, port: str, address: str) -> None:
    """This one for the port, which only the admin may choose."""
    if admin.network("GET", "/floatingips", port_id=port)["floatingips"]:
        return
    project = admin.network("GET", f"/ports/{port}")["port"]["project_id"]
    where = {"floating_network_id": outside, "floating_ip_address": address}
    body = {"floatingip": {**where, "port_id": port, "project_id": project}}
    admin.network("POST", "/floatingips", body)


def ensure_network(session: Session, name: str, cidrs: Sequence[str]) -> str:
    """With a subnet for each prefix; its id."""
    network = str(_ensure_net(session, "networks", {"name": name})["id"])
    for cidr in cidrs:
        version = 6 if ":" in cidr else 4
        body = {"name": f"{name}-v{version}", "network_id": network, "ip_version": version}
        _ensure_net(session, "subnets", {**body, "cidr": cidr})
    return network


def ensure_router(session: Session, name: str, networks: Iterable[str]) -> str:
    """A router with an interface in each subnet; its id."""
    router = str(_ensure_net(session, "routers", {"name": name})["id"])
    ports = session.network("GET", "/ports", device_id=router)["ports"]
    joined = {fixed["subnet_id"] for port in ports for fixed in port["fixed_ips"]}
    for network in networks:
        for subnet in session.network("GET", "/subnets", network_id=network)["subnets"]:
            if subnet["id"] not in joined:
                body = {"subnet_id": subnet["id"]}
                session.network("PUT", f"/routers/{router}/add_router_interface", body)
    return router


def ensure_groups(session: Session) -> None:
    """The security groups `client` and `web`."""
    _ensure_net(session, "security-groups", {"name": "client"})
    group = _ensure_net(session, "security-groups", {"name": "web"})
    for ethertype, ping in (("IPv4", "icmp"), ("IPv6", "ipv6-icmp")):
        rule = {"security_group_id": group["id"], "direction": "ingress", "ethertype": ethertype}
        _ensure_rule(session, {**rule, "protocol": ping})
        for protocol in ("tcp", "udp"):
            ports = {"port_range_min": 80, "port_range_max": 80}
            _ensure_rule(session, {**rule, "protocol": protocol, **ports})


def ensure_port(session: Session, network: str, workload: Workload) -> str:
    """The workload's port with its addresses and its one security group; its id."""
    group = _named(
        session.network("GET", "/security-groups", name=workload.group)["security_groups"]
    )
    assert group is not None
    body = {
        "name": workload.name,
        "network_id": network,
        "security_groups": [group["id"]],
        "fixed_ips": [{"ip_address": address} for address in workload.addresses],
    }
    return str(_ensure_net(session, "ports", body)["id"])


def cloud_of(lab_url: str, user: str, password: str) -> Cloud:
    """Each of the lab's users has a project of the same name."""
    return Cloud(f"{lab_url}/identity/v3", user, password, user)


def sign_in(lab_url: str, user: str, password: str) -> Session:
    return Session(cloud_of(lab_url, user, password))


def _ensure(admin: Session, collection: str, body: dict[str, Any]) -> dict[str, Any]:
    """An identity object of that name."""
    found = _named(admin.identity("GET", f"/{collection}", name=body["name"])[collection])
    if found is not None:
        return found
    one = collection.removesuffix("s")
    made: dict[str, Any] = admin.identity("POST", f"/{collection}", {one: body})[one]
    return made


def _ensure_net(session: Session, collection: str, body: dict[str, Any]) -> dict[str, Any]:
    """A network object of that name in the session's project."""
    many, one = collection.replace("-", "_"), collection.replace("-", "_").removesuffix("s")
    found = _named(session.network("GET", f"/{collection}", name=body["name"])[many])
    if found is not None:
        return found
    made: dict[str, Any] = session.network("POST", f"/{collection}", {one: body})[one]
    return made


def _ensure_rule(session: Session, rule: dict[str, Any]) -> None:
    try:
        session.network("POST", "/security-group-rules", {"security_group_rule": rule})
    except ApiError as error:
        if error.status != 409:  # 409: the group has this rule
            raise


def _named(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    return found[0] if found else None
