"""Who may use another project's object: answered by RBAC policies (Neutron's `rbac-policies`)."""

from collections.abc import Iterable
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2.errors import conflict
from polpo.api.network_v2.resource import Writing
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.sharing import RbacPolicy
from polpo.model.snapshot import Snapshot

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
EVERYBODY = "*"


def granted(snapshot: Snapshot, object_id: str, action: str, project_id: str) -> bool:
    """Whether a policy lets the project do this with the object."""
    policies = snapshot.claimed(f"rbac/{object_id}")
    return f"{action}/{EVERYBODY}" in policies or f"{action}/{project_id}" in policies


def is_shared(snapshot: Snapshot, context: Context, obj: Any) -> bool:
    """Neutron's `shared`, as the asker sees it."""
    return granted(snapshot, obj.id, SHARED, context.project_id)


def granted_ids(
    snapshot: Snapshot, context: Context, object_type: str, *actions: str
) -> Iterable[str]:
    """The ids of all objects of the type that the asker's project may use so."""
    for action in actions:
        for target in (EVERYBODY, context.project_id):
            grant = f"{object_type}/{action}/{target}"
            yield from (p.object_id for p in snapshot.by(RbacPolicy, "grant", grant))


def set_for_everybody(
    w: Writing, object_type: str, obj: Any, wanted: bool, action: str = SHARED
) -> None:
    """What the attributes `shared` and `router:external` do: one policy for all projects."""
    held = w.snapshot.holder(f"rbac/{obj.id}", f"{action}/{EVERYBODY}")
    if wanted and held is None:
        w.tx.put(
            RbacPolicy(
                id=new_id(),
                project_id=obj.project_id,
                object_type=object_type,
                object_id=obj.id,
                action=action,
                target_tenant=EVERYBODY,
            )
        )
    elif not wanted and held is not None:
        revoke(w, w.snapshot.get(RbacPolicy, held))


def revoke(w: Writing, policy: RbacPolicy | None) -> None:
    """Take a policy away, unless somebody relies on it."""
    if policy is None:
        return
    w.tx.remove(policy)
    if policy.object_type == "network" and policy.action == SHARED:
        check_network_still_usable(w, policy.object_id)


def remove_policies(w: Writing, object_id: str) -> None:
    """All of them, with their object."""
    for policy in list(w.snapshot.by(RbacPolicy, "object", object_id)):
        w.tx.remove(policy)


def check_network_still_usable(w: Writing, network_id: str) -> None:
    """No project may be left with ports or subnets on a network that it may not use."""
    network = w.snapshot.get(Network, network_id)
    if network is None:
        return
    ports = w.snapshot.by(Port, "network", network_id)
    users = {p.project_id for p in ports if not p.device_owner.startswith("network:")}
    users |= {s.project_id for s in w.snapshot.by(Subnet, "network", network_id)}
    for project_id in users - {network.project_id}:
        if not granted(w.snapshot, network_id, SHARED, project_id):
            raise conflict(
                "InvalidSharedSetting",
                f"Unable to reconfigure sharing settings for network {network.name}. "
                "Multiple projects are using it.",
            )
