"""The network API in memory: a store, polpo's own identity, the routes, and a client."""

from collections.abc import Iterable
from typing import Any

import httpx2
from starlette.applications import Starlette

from polpo.api.context import Carrying, Controller, HostReport, Instance
from polpo.api.loadbalancer_v2 import instances
from polpo.api.loadbalancer_v2.routes import routes as loadbalancer_routes
from polpo.api.network_v2.routes import routes
from polpo.api.network_v2.settings import Settings
from polpo.model.load_balancer import LoadBalancer
from polpo.model.placement import instance_id
from polpo.model.port import Port
from polpo.model.router import FloatingIP, Router
from polpo.model.snapshot import Snapshot
from polpo.testing.identity import IdentityCloud

URL = "http://cloud"


class Hosts:
    """Reports as a test wants them: ports and floating IPs in `active` are ACTIVE, others DOWN."""

    def __init__(self) -> None:
        self.active = set[str]()
        self.seen: dict[str, HostReport] = {}
        self.carrying: dict[str, Carrying] = {}  # by load balancer; others have reached all

    def port_status(self, snapshot: Snapshot, port: Port) -> str:
        return "ACTIVE" if port.id in self.active else "DOWN"

    def port_statuses(self, snapshot: Snapshot, ports: Iterable[Port]) -> dict[str, str]:
        return {port.id: self.port_status(snapshot, port) for port in ports}

    def router_statuses(self, snapshot: Snapshot, routers: Iterable[Router]) -> dict[str, str]:
        return {router.id: "ACTIVE" for router in routers}

    def floatingip_statuses(self, snapshot: Snapshot, fips: Iterable[FloatingIP]) -> dict[str, str]:
        return {fip.id: "ACTIVE" if fip.id in self.active else "DOWN" for fip in fips}

    def balancers(
        self, snapshot: Snapshot, balancers: Iterable[LoadBalancer]
    ) -> dict[str, Carrying]:
        return {b.id: self.carrying.get(b.id) or _carried(snapshot, b) for b in balancers}

    def reports(self) -> dict[str, HostReport]:
        return self.seen


def _carried(snapshot: Snapshot, balancer: LoadBalancer) -> Carrying:
    """All that was asked for, by all the instances that it is to have."""
    roles = zip(instances.numbers(balancer), ("MASTER", "BACKUP"), strict=False)
    where = {instance_id(balancer.id, n): Instance("h", "192.0.2.1", role) for n, role in roles}
    return Carrying(snapshot.revision, instances=where)


class Refused(Exception):
    """An answer other than 2xx: `status`, and Neutron's `type` and `message`."""

    def __init__(self, status: int, error: dict[str, str]) -> None:
        super().__init__(f"{status} {error}")
        self.status, self.type, self.message = status, error["type"], error["message"]


class NetworkCloud:
    """Made by `open`. `admin`; `mia`, member, and `rea`, reader, of shop; `olaf` of other."""

    def __init__(self, identity: IdentityCloud, settings: Settings) -> None:
        self.identity, self.store = identity, identity.store
        self.hosts = Hosts()
        controller = Controller(identity.store, identity.identity, self.hosts, URL)
        balancing = loadbalancer_routes(controller, settings)
        self.app = Starlette(routes=[*routes(controller, settings), *balancing])
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url=URL)
        self.tokens: dict[str, str] = {}

    @classmethod
    async def open(cls, database_url: str, settings: Settings | None = None) -> "NetworkCloud":
        cloud = cls(await IdentityCloud.open(database_url), settings or Settings())
        people = (("mia", "member", "shop"), ("rea", "reader", "shop"), ("olaf", "member", "other"))
        for name, role, project in people:
            await cloud.identity.add(name, role, project)
        for name, project in (("admin", "admin"), *((n, p) for n, _, p in people)):
            cloud.tokens[name] = cloud.token(name, project)
        return cloud

    def token(self, name: str, project: str) -> str:
        """Scoped to it. Without the password's check, which is slow on purpose."""
        scope = f"project/{self.identity.project_id(project)}"
        user = self.identity.user_id(name)
        token, _ = self.identity.identity.issue(user, scope, ("password",))
        return token

    async def close(self) -> None:
        await self.client.aclose()
        await self.identity.close()

    async def raw(
        self, who: str, method: str, path: str, json: Any = None, **headers: str
    ) -> httpx2.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        named["X-Auth-Token"] = self.tokens.get(who, "")
        url = path if path.startswith("/load-balancer") else f"/networking/v2.0{path}"
        return await self.client.request(method, url, json=json, headers=named)

    async def ask(self, who: str, method: str, path: str, json: Any = None, **headers: str) -> Any:
        """The body; Refused for any status but 2xx."""
        response = await self.raw(who, method, path, json, **headers)
        if response.status_code >= 300:
            body = response.json()
            raise Refused(response.status_code, body.get("NeutronError") or _plain(body))
        return response.json() if response.content else None

    async def get(self, path: str, who: str = "mia") -> Any:
        return await self.ask(who, "GET", path)

    async def make(self, member: str, who: str = "mia", **attributes: Any) -> Any:
        """POST one; its attributes as shown."""
        path = f"/{PATHS[member]}"
        return (await self.ask(who, "POST", path, {member: attributes}))[member]

    async def change(self, member: str, id: str, who: str = "mia", **attributes: Any) -> Any:
        path = f"/{PATHS[member]}/{id}"
        return (await self.ask(who, "PUT", path, {member: attributes}))[member]

    async def show(self, member: str, id: str, who: str = "mia") -> Any:
        return (await self.get(f"/{PATHS[member]}/{id}", who))[member]

    async def remove(self, member: str, id: str, who: str = "mia") -> None:
        await self.ask(who, "DELETE", f"/{PATHS[member]}/{id}")

    async def network(self, cidr: str = "10.0.0.0/24", who: str = "mia", **more: Any) -> Any:
        """A network with one IPv4 subnet; the network."""
        network = await self.make("network", who, **more)
        await self.make("subnet", who, network_id=network["id"], ip_version=4, cidr=cidr)
        return await self.show("network", network["id"], who)

    async def external(self, *cidrs: str, **more: Any) -> Any:
        """An external network of the admin's with these subnets; the network."""
        network = await self.make("network", "admin", **{"router:external": True, **more})
        for cidr in cidrs or ("203.0.113.0/24",):
            version = 6 if ":" in cidr else 4
            asked = {"network_id": network["id"], "ip_version": version, "cidr": cidr}
            await self.make("subnet", "admin", enable_dhcp=False, **asked)
        return await self.show("network", network["id"], "admin")

    async def join(self, router_id: str, who: str = "mia", **by: str) -> Any:
        """Add an interface, by `subnet_id` or `port_id`; what is answered."""
        return await self.ask(who, "PUT", f"/routers/{router_id}/add_router_interface", by)

    async def leave(self, router_id: str, who: str = "mia", **by: str) -> Any:
        return await self.ask(who, "PUT", f"/routers/{router_id}/remove_router_interface", by)


def _plain(body: dict[str, Any]) -> dict[str, str]:
    error = body["error"]
    return {"type": error["title"], "message": error["message"]}


PATHS = {
    "network": "networks",
    "subnet": "subnets",
    "subnetpool": "subnetpools",
    "address_scope": "address-scopes",
    "port": "ports",
    "security_group": "security-groups",
    "security_group_rule": "security-group-rules",
    "address_group": "address-groups",
    "rbac_policy": "rbac-policies",
    "router": "routers",
    "floatingip": "floatingips",
    "policy": "qos/policies",
}
