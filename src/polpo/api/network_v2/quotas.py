"""How much a project may have: counted by the snapshot's indexes, inside the transaction."""

from collections.abc import Mapping

from polpo.api.network_v2.errors import NeutronError, conflict
from polpo.api.network_v2.resource import Writing
from polpo.model.network import AddressScope, Network, Subnet, SubnetPool
from polpo.model.object import Object
from polpo.model.port import Port
from polpo.model.router import FloatingIP, Router
from polpo.model.security_group import AddressGroup, SecurityGroup, SecurityGroupRule
from polpo.model.sharing import Quota, RbacPolicy
from polpo.model.snapshot import Snapshot

UNLIMITED = -1

COUNTED: Mapping[str, type[Object] | None] = {
    "network": Network,
    "subnet": Subnet,
    "port": Port,
    "security_group": SecurityGroup,
    "security_group_rule": SecurityGroupRule,
    "subnetpool": SubnetPool,
    "address_scope": AddressScope,
    "address_group": AddressGroup,
    "rbac_policy": RbacPolicy,
    "router": Router,
    "floatingip": FloatingIP,
    "router_route": None,
}
"""What is limited; None for what is counted for each object by itself (routes of a router)."""


def limits(snapshot: Snapshot, defaults: Mapping[str, int], project_id: str) -> dict[str, int]:
    """The project's limits: its own where it has any, else the cloud's."""
    own = snapshot.get(Quota, project_id)
    return {**{key: defaults.get(key, UNLIMITED) for key in COUNTED}, **(own.limits if own else {})}


def used(snapshot: Snapshot, key: str, project_id: str) -> int:
    """Without what a Kubernetes cluster keeps for itself."""
    counted = COUNTED[key]
    if counted is None:
        return 0
    of_all = snapshot.count_by(counted, "project", project_id)
    return of_all - snapshot.count_by(counted, "kept", project_id)


def check(w: Writing, key: str, project_id: str, more: int = 1) -> None:
    """Raises OverQuota if the project may not have this many more."""
    limit = limit_of(w, key, project_id)
    if 0 <= limit < used(w.snapshot, key, project_id) + more:
        raise exceeded(key)


def exceeded(key: str) -> NeutronError:
    return conflict("OverQuota", f"Quota exceeded for resources: ['{key}'].")


def limit_of(w: Writing, key: str, project_id: str) -> int:
    own = w.snapshot.get(Quota, project_id)
    if own is not None and key in own.limits:
        return own.limits[key]
    return w.settings.quotas.get(key, UNLIMITED)
