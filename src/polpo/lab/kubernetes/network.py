"""What the cluster has of the cloud: its pods' network, a router with a way out."""

from typing import Any

from polpo.client.session import ApiError, Session
from polpo.lab import outside, tenants
from polpo.lab.kubernetes.layout import CLUSTER, PODS, SERVICES
from polpo.lab.layout import Lab

NETWORK, ROUTER = "pods", "kubernetes"


def ensure_network(session: Session, lab: Lab, world: str) -> None:
    """Idempotent. `world` is the id of the external network."""
    network = tenants.ensure_network(session, NETWORK, PODS)
    router = tenants.ensure_router(session, ROUTER, [network])
    out = tenants.ensure_way_out(session, world, ROUTER)
    outside.route(lab, [PODS[1]], next(address for address in out if ":" in address))
    body: dict[str, Any] = {
        "name": CLUSTER,
        "network_id": network,
        "router_id": router,
        "service_cidrs": SERVICES,
        "policies": True,
    }
    try:
        session.hosts("POST", "/clusters", {"cluster": body})
    except ApiError as error:
        if error.status != 409:  # 409: an earlier run has made it
            raise
