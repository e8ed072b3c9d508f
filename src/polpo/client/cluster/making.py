"""A cluster's networks, groups, nodes and its API's load balancer: made, and looked at.

Idempotent by name: what a try has made that did not come to its end, the next one finds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from polpo.client.cluster import front
from polpo.client.cluster import plan as plans
from polpo.client.cluster.finding import Body, balancers_of, got
from polpo.client.cluster.plan import API_PORT, ROLES, Plan, Unfit
from polpo.client.session import Session


class Made(msgspec.Struct, frozen=True):
    """`endpoint`: where the API is asked. `names`: what its certificate must have, all of them
    addresses of the load balancer. `nodes`: address by name of port. `edited`: what somebody has
    changed of the groups."""

    name: str
    id: str
    endpoint: str
    names: tuple[str, ...]
    nodes: dict[str, str]
    edited: tuple[str, ...]


class Making:
    def __init__(self, session: Session, plan: Plan) -> None:
        """Raises Unfit."""
        plans.check(plan)
        self._session, self._plan = session, plan

    def make(self) -> Made:
        """Raises ApiError; Unfit where there is no telling which network is outside."""
        plan = self._plan
        nodes = self._network(f"{plan.name}-nodes", (plan.node_cidr,))
        pods = self._network(f"{plan.name}-pods", plan.pod_cidrs)
        router = self._router([nodes, pods])
        groups = self._groups()
        ports = self._ports(nodes, groups)
        masters = [ports[name] for name, role in plan.nodes if role == "master"]
        addresses = self._front(nodes, masters)
        cluster = self._cluster(pods, router)
        return Made(
            name=plan.name,
            id=str(cluster["id"]),
            endpoint=f"{addresses[0]}:{API_PORT}",
            names=tuple(addresses),
            nodes=ports,
            edited=tuple(self.edited()),
        )

    def edited(self) -> list[str]:
        """Reported, never repaired: somebody may have had a reason."""
        groups = self._found_groups()
        found = []
        for role, wanted in plans.rules(self._plan).items():
            if role not in groups:
                found.append(f"group {self._plan.name}-{role} is gone")
                continue
            shown = self._get("security-group-rules", security_group_id=groups[role])
            words = plans.edits(wanted, plans.read(shown, groups))
            found += [f"group {self._plan.name}-{role} {word}" for word in words]
        return found

    def _network(self, name: str, cidrs: tuple[str, ...]) -> Body:
        found = self._ensure("network", {"name": name})
        there = {one["cidr"] for one in self._get("subnets", network_id=found["id"])}
        for cidr in cidrs:
            if cidr not in there:
                version = 6 if ":" in cidr else 4
                body = {"network_id": found["id"], "ip_version": version, "cidr": cidr}
                self._make("subnet", body | {"name": f"{name}-v{version}"})
        (shown,) = self._get("networks", id=found["id"])
        return shown

    def _router(self, networks: list[Body]) -> str:
        name = self._plan.name
        router = self._ensure("router", {"name": name})
        id, way = router["id"], router["external_gateway_info"]
        outside = "" if self._plan.internal and not self._plan.outside else self._outside()
        if outside and not way:
            self._session.network(
                "PUT",
                f"/routers/{id}",
                {"router": {"external_gateway_info": {"network_id": outside}}},
            )
        ports = self._get("ports", device_id=id)
        joined = {fixed["subnet_id"] for port in ports for fixed in port["fixed_ips"]}
        for subnet in (subnet for network in networks for subnet in network["subnets"]):
            if subnet not in joined:
                path = f"/routers/{id}/add_router_interface"
                self._session.network("PUT", path, {"subnet_id": subnet})
        return str(id)

    def _outside(self) -> str:
        query: Body = {"router:external": "true"}
        found = self._get("networks", **query)
        if asked := self._plan.outside:
            found = [one for one in found if asked in (one["id"], one["name"])]
        if len(found) != 1:
            names = ", ".join(sorted(one["name"] for one in found)) or "none"
            raise Unfit(f"which network is outside? Say --outside, or --internal ({names})")
        return str(found[0]["id"])

    def _groups(self) -> dict[str, str]:
        """A group that is there already is left as it is."""
        groups = self._found_groups()
        new = [role for role in ROLES if role not in groups]
        for role in new:
            body = {"name": f"{self._plan.name}-{role}", "description": self._plan.mark}
            groups[role] = self._make("security_group", body)["id"]
        for role in new:
            for rule in plans.rules(self._plan)[role]:
                self._make("security_group_rule", plans.body_of(rule, groups[role], groups))
        return groups

    def _found_groups(self) -> dict[str, str]:
        mine = self._get("security-groups", description=self._plan.mark)
        names = {f"{self._plan.name}-{role}": role for role in ROLES}
        return {names[one["name"]]: one["id"] for one in mine if one["name"] in names}

    def _ports(self, network: Body, groups: dict[str, str]) -> dict[str, str]:
        """Address by name."""
        found = {}
        for name, role in self._plan.nodes:
            body = {"name": name, "network_id": network["id"]}
            of = {"security_groups": [groups["base"], groups[role]]}
            port = self._ensure("port", body, of)
            found[name] = str(port["fixed_ips"][0]["ip_address"])
        return found

    def _front(self, network: Body, masters: list[str]) -> list[str]:
        """The API's load balancer; its addresses, the outer one first."""
        name = f"{self._plan.name}-api"
        mark = self._plan.mark
        found = [one for one in self._balancers() if one["name"] == name]
        balancer = found[0] if found else self._new_front(name, network, masters)
        inside, port = str(balancer["vip_address"]), balancer["vip_port_id"]
        if self._plan.internal:
            return [inside]
        floating = self._get("floatingips", port_id=port)
        if not floating:
            body = {"floating_network_id": self._outside(), "port_id": port, "description": mark}
            floating = [self._make("floatingip", body)]
        return [str(floating[0]["floating_ip_address"]), inside]

    def _new_front(self, name: str, network: Body, masters: list[str]) -> Body:
        body = front.body(name, self._plan.mark, network["subnets"][0], masters)
        path = "/lbaas/loadbalancers"
        made = self._session.load_balancer("POST", path, {"loadbalancer": body})
        return dict(made["loadbalancer"])

    def _cluster(self, pods: Body, router: str) -> Body:
        plan = self._plan
        for one in self._session.hosts("GET", "/clusters")["clusters"]:
            if one["name"] == plan.name:
                return dict(one)
        body = {
            "name": plan.name,
            "network_id": pods["id"],
            "router_id": router,
            "service_cidrs": plan.service_cidrs,
            "security_group_ids": [] if plan.policies else [self._open_group()],
            "policies": plan.policies,
            "description": plan.mark,
        }
        return dict(self._session.hosts("POST", "/clusters", {"cluster": body})["cluster"])

    def _open_group(self) -> str:
        """Of pods where there are no policies: everything passes, as Kubernetes has it."""
        group = self._ensure("security_group", {"name": f"{self._plan.name}-pods"})
        there = {r["ethertype"] for r in group["security_group_rules"] if _is_open(r)}
        for family in ("IPv4", "IPv6"):
            if family not in there:
                rule = {"direction": "ingress", "ethertype": family}
                self._make("security_group_rule", rule | {"security_group_id": group["id"]})
        return str(group["id"])

    def _balancers(self) -> list[Body]:
        return balancers_of(self._session, self._plan.mark)

    def _ensure(self, member: str, body: Body, more: Body | None = None) -> Body:
        """The one of that name that we have made, or a new one; `more` is for a new one."""
        path = member.replace("_", "-") + "s"
        found = self._get(path, name=body["name"], description=self._plan.mark)
        if found:
            return found[0]
        return self._make(member, body | {"description": self._plan.mark} | (more or {}))

    def _make(self, member: str, body: Body) -> Body:
        path = f"/{member.replace('_', '-')}s"
        return dict(self._session.network("POST", path, {member: body})[member])

    def _get(self, path: str, **query: Any) -> list[Body]:
        return got(self._session, path, **query)


def _is_open(rule: Body) -> bool:
    free = not (rule["protocol"] or rule["remote_ip_prefix"] or rule["remote_group_id"])
    return bool(rule["direction"] == "ingress" and free)
