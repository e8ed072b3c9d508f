"""A project as a cluster's is, and what is asked about it by tests of the cloud controller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from polpo.client.session import Session
from polpo.testing.obedient import UPLINK

PODS, PODS6 = "10.100.0.0/16", "fd00:100::/64"
PATIENCE_S = 40.0

Start = Callable[..., Awaitable[asyncio.Task[None]]]


class Cloud(msgspec.Struct):
    """A project with pods that are ports, a router, and a network outside; `session` its user's."""

    session: Session
    outside: str
    pods: str
    url: str = ""
    password: str = ""

    def balancers(self, **query: Any) -> list[Any]:
        found: list[Any] = self.session.load_balancer("GET", "/lbaas/loadbalancers", **query)[
            "loadbalancers"
        ]
        return found

    def listed(self, collection: str, **query: Any) -> list[Any]:
        found: list[Any] = self.session.load_balancer("GET", f"/lbaas/{collection}", **query)[
            collection
        ]
        return found

    def members(self, pool: str) -> list[Any]:
        found: list[Any] = self.session.load_balancer("GET", f"/lbaas/pools/{pool}/members")[
            "members"
        ]
        return found

    def floating(self, **query: Any) -> list[Any]:
        found: list[Any] = self.session.network("GET", "/floatingips", **query)["floatingips"]
        return found


def furnish(session: Session) -> Cloud:
    outer = {
        "name": "outside",
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": UPLINK,
    }
    outside = session.network("POST", "/networks", {"network": outer})["network"]["id"]
    _subnet(session, outside, "203.0.113.0/24", name="public-1", tags=["cheap"])
    inner = session.network("POST", "/networks", {"network": {"name": "pods"}})["network"]["id"]
    way = {"name": "r", "external_gateway_info": {"network_id": outside}}
    router = session.network("POST", "/routers", {"router": way})["router"]["id"]
    for cidr in (PODS, PODS6):
        subnet = _subnet(session, inner, cidr)
        path = f"/routers/{router}/add_router_interface"
        session.network("PUT", path, {"subnet_id": subnet})
    cluster = {"name": "lab", "network_id": inner, "router_id": router}
    session.hosts("POST", "/clusters", {"cluster": cluster})
    return Cloud(session, outside, inner)


def _subnet(session: Session, network: str, cidr: str, tags: Any = (), **more: Any) -> str:
    version = 6 if ":" in cidr else 4
    body = {"network_id": network, "ip_version": version, "cidr": cidr, **more}
    id = str(session.network("POST", "/subnets", {"subnet": body})["subnet"]["id"])
    if tags:
        session.network("PUT", f"/subnets/{id}/tags", {"tags": list(tags)})
    return id


async def until(true: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What it answers when that is something. Waits for a condition, never for a time."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await true()
            if found:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(what)
