"""Whether a project may build its cluster of these: what others own it does not even see."""

from typing import Any

from polpo.api.context import Context
from polpo.api.hosts_v1.errors import Refused
from polpo.model.network import Network
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.model.security_group import SecurityGroup
from polpo.model.snapshot import Snapshot


def checked_network(snapshot: Snapshot, context: Context, id: str) -> Network:
    network = snapshot.get(Network, id)
    if network is None or not _owns(context, network):
        raise Refused(404, f"Network {id} could not be found.")
    if network.external:
        raise Refused(409, f"Network {id} is external: pods have no ports there.")
    return network


def checked_router(snapshot: Snapshot, context: Context, id: str, network: Network) -> Router:
    router = snapshot.get(Router, id)
    if router is None or not _owns(context, router):
        raise Refused(404, f"Router {id} could not be found.")
    if not snapshot.has_trait(Port, "joined", id, network.id):
        raise Refused(409, f"Router {id} has no interface in network {network.id}.")
    return router


def checked_group(snapshot: Snapshot, context: Context, id: str) -> SecurityGroup:
    group = snapshot.get(SecurityGroup, id)
    if group is None or not _owns(context, group):
        raise Refused(404, f"Security group {id} could not be found.")
    return group


def _owns(context: Context, obj: Any) -> bool:
    return context.is_admin or obj.project_id == context.project_id
