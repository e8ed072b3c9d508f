"""All that was made for a cluster, taken away again."""

from __future__ import annotations

from polpo.client.cluster.finding import balancers_of, got
from polpo.client.cluster.plan import Plan
from polpo.client.session import ApiError, Session


def remove(session: Session, name: str) -> None:
    """All that `make` has made for the cluster of this name, and nothing else. Its pods are to be
    gone (409 if not); whatever is gone already is no error."""
    mark = Plan(name).mark
    for one in session.hosts("GET", "/clusters")["clusters"]:
        if one["name"] == name:
            session.hosts("DELETE", f"/clusters/{one['id']}")
    for one in got(session, "floatingips", description=mark):
        _delete(session, f"/floatingips/{one['id']}")
    for one in balancers_of(session, mark):
        path = f"/lbaas/loadbalancers/{one['id']}"
        session.load_balancer("DELETE", path, cascade="true")
    for one in got(session, "ports", description=mark):
        _delete(session, f"/ports/{one['id']}")
    for router in got(session, "routers", description=mark):
        _part(session, router["id"])
        _delete(session, f"/routers/{router['id']}")
    for kind in ("networks", "security-groups"):
        for one in got(session, kind, description=mark):
            _delete(session, f"/{kind}/{one['id']}")


def _part(session: Session, router: str) -> None:
    for port in got(session, "ports", device_id=router):
        if port["device_owner"].startswith("network:router_interface"):
            path = f"/routers/{router}/remove_router_interface"
            session.network("PUT", path, {"port_id": port["id"]})


def _delete(session: Session, path: str) -> None:
    try:
        session.network("DELETE", path)
    except ApiError as error:
        if error.status != 404:
            raise
