"""Which hosts a router's gateway is on, and the other way round; for the cloud's admin alone.

Neutron API reference, "L3 agent scheduler". Where they are is the controller's choice
(`placement`): there is nothing to add or to remove.
"""

from typing import Any

from polpo.api.context import HostReport
from polpo.api.network_v2 import agents, router
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import forbidden
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.query import fields
from polpo.model.host import Host
from polpo.model.placement import Placement
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot


async def agents_of(call: Call, router_id: str) -> Answer:
    """`GET /routers/{id}/l3-agents`: each with its `ha_state`."""
    if not call.context.is_admin:
        raise forbidden("get_l3-agents")
    snapshot, reports = call.reading().snapshot, call.controller.wiring.reports()
    found: Router = router.RESOURCE.find(snapshot, call.context, router_id)
    views = [
        {**agents.view(host, reports), "ha_state": _state(snapshot, found, host, reports)}
        for host in _homes(snapshot, found)
    ]
    return 200, {"agents": only(views, fields(call.query))}


async def routers_on(call: Call, host_id: str) -> Answer:
    """`GET /agents/{id}/l3-routers`."""
    if not call.context.is_admin:
        raise forbidden("get_l3-routers")
    reading = call.reading()
    host = agents.find(call, reading.snapshot, host_id)
    placed = {p.function_id for p in reading.snapshot.by(Placement, "host", host.name)}
    found = (reading.snapshot.get(Router, id) for id in sorted(placed))
    views = router.view(reading, [r for r in found if r is not None])
    return 200, {"routers": only(views, fields(call.query))}


def _homes(snapshot: Snapshot, router: Router) -> list[Host]:
    names = (p.host for p in snapshot.by(Placement, "function", router.id))
    ids = (snapshot.holder("host", name) for name in sorted(names))
    hosts = (snapshot.get(Host, id) for id in ids if id is not None)
    return [host for host in hosts if host is not None]


def _state(
    snapshot: Snapshot, router: Router, host: Host, reports: dict[str, HostReport]
) -> str | None:
    """As Neutron: of a dead host that was active it is not known, unless another one lives."""
    if not router.ha:
        return None
    report = reports.get(host.name)
    if report is None or router.vni not in report.active:
        return "standby"
    if report.alive:
        return "active"
    others = (reports.get(other.name) for other in _homes(snapshot, router))
    return "standby" if any(other is not None and other.alive for other in others) else "unknown"


PARTS: dict[tuple[str, str], Any] = {
    ("routers", "l3-agents"): agents_of,
    ("agents", "l3-routers"): routers_on,
}
"""By the collection's path and the part's name."""
