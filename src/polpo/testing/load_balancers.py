"""The load balancers' API in memory, beside the network's (polpo.testing.network)."""

from typing import Any

from polpo.model.load_balancer import INSTANCE, LoadBalancer
from polpo.model.port import Port
from polpo.testing.network import NetworkCloud

COLLECTIONS = {
    "loadbalancer": "loadbalancers",
    "listener": "listeners",
    "pool": "pools",
    "healthmonitor": "healthmonitors",
    "l7policy": "l7policies",
}


class Refused(Exception):
    """An answer other than 2xx: `status`, and Octavia's sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message


class LoadBalancerCloud:
    def __init__(self, cloud: NetworkCloud) -> None:
        self.cloud = cloud

    async def ask(self, method: str, path: str, json: Any = None, who: str = "mia") -> Any:
        """The body; Refused for any status but 2xx."""
        response = await self.cloud.raw(who, method, f"/load-balancer/v2.0{path}", json)
        if response.status_code >= 300:
            raise Refused(response.status_code, response.json()["faultstring"])
        return response.json() if response.content else None

    async def get(self, path: str, who: str = "mia") -> Any:
        return await self.ask("GET", f"/lbaas/{path}", who=who)

    async def make(self, member: str, who: str = "mia", at: str = "", **attributes: Any) -> Any:
        """POST one; `at`: the path, for what is inside something else."""
        path = f"/lbaas/{at or COLLECTIONS[member]}"
        return (await self.ask("POST", path, {member: attributes}, who))[member]

    async def change(self, member: str, id: str, at: str = "", **attributes: Any) -> Any:
        path = f"/lbaas/{at or COLLECTIONS[member]}/{id}"
        return (await self.ask("PUT", path, {member: attributes}))[member]

    async def show(self, member: str, id: str, who: str = "mia") -> Any:
        return (await self.get(f"{COLLECTIONS[member]}/{id}", who))[member]

    async def remove(self, path: str, who: str = "mia") -> None:
        await self.ask("DELETE", f"/lbaas/{path}", who=who)

    async def subnet(self, cidr: str = "10.0.0.0/24", network_id: str = "") -> Any:
        """In a network of its own, if none is named."""
        cloud = self.cloud
        network_id = network_id or (await cloud.make("network"))["id"]
        version = 6 if ":" in cidr else 4
        asked: dict[str, Any] = {"network_id": network_id, "ip_version": version, "cidr": cidr}
        return await cloud.make("subnet", **asked)

    async def balancer(self, **more: Any) -> Any:
        if not {"vip_subnet_id", "vip_network_id", "vip_port_id"} & more.keys():
            more["vip_subnet_id"] = (await self.subnet())["id"]
        return await self.make("loadbalancer", **more)

    async def listener(
        self, balancer: Any, protocol: str = "HTTP", port: int = 80, **m: Any
    ) -> Any:
        asked = {"protocol": protocol, "protocol_port": port, **m}
        return await self.make("listener", loadbalancer_id=balancer["id"], **asked)

    async def pool(self, balancer: Any, protocol: str = "HTTP", **more: Any) -> Any:
        asked = {"protocol": protocol, "lb_algorithm": "ROUND_ROBIN", **more}
        return await self.make("pool", loadbalancer_id=balancer["id"], **asked)

    async def member(self, pool: Any, address: str = "10.0.0.9", port: int = 80, **m: Any) -> Any:
        at = f"pools/{pool['id']}/members"
        return await self.make("member", at=at, address=address, protocol_port=port, **m)

    def kept(self, id: str) -> LoadBalancer:
        found = self.cloud.store.snapshot.get(LoadBalancer, id)
        assert found is not None
        return found

    def ends(self) -> list[Port]:
        """The ports of all instances, by name."""
        ports = self.cloud.store.snapshot.all(Port)
        return sorted((p for p in ports if p.device_owner == INSTANCE), key=lambda p: p.name)
