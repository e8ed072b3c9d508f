"""Who may use another project's object: answered by RBAC policies (Neutron's `rbac-policies`)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2.errors import conflict
from polpo.api.network_v2.resource import Writing
from polpo.model.network import AddressScope, Network, Subnet, SubnetPool
from polpo.model.object import Object
from polpo.model.port import Port
from polpo.model.qos import QosPolicy
from polpo.model.router import INTERFACES, FloatingIP, Router
from polpo.model.security_group import AddressGroup, SecurityGroup, SecurityGroupRule
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
        _stop_sharing(w, obj, held)


def _stop_sharing(w: Writing, obj: Any, policy_id: str) -> None:
    policy = w.snapshot.get(RbacPolicy, policy_id)
    assert policy is not None  # it holds the claim
    w.tx.remove(policy)
    if stranded(w.snapshot, policy):
        raise conflict(
            "InvalidSharedSetting",
            f"Unable to reconfigure sharing settings for network {obj.name}. "
            "Multiple projects are using it.",
        )


def remove_policies(w: Writing, object_id: str) -> None:
    """All of them, with their object."""
    for policy in list(w.snapshot.by(RbacPolicy, "object", object_id)):
        w.tx.remove(policy)


def check_nobody_stranded(w: Writing, policy: RbacPolicy) -> None:
    """After a policy was changed or removed. Raises RbacPolicyInUse."""
    projects = stranded(w.snapshot, policy)
    if projects:
        raise conflict(
            "RbacPolicyInUse",
            f"RBAC policy on object {policy.object_id} cannot be removed because other objects "
            f"depend on it.\nDetails: used by projects {', '.join(sorted(projects))}",
        )


def stranded(snapshot: Snapshot, policy: RbacPolicy) -> set[str]:
    """Projects that use the policy's object, and may not (any more)."""
    if policy.action == EXTERNAL:
        using: Iterable[Any] = snapshot.by(Router, "external_network", policy.object_id)
    else:
        using = USERS[policy.object_type](snapshot, policy.object_id)
    users = {user.project_id for user in using}
    allowed = {u for u in users if granted(snapshot, policy.object_id, policy.action, u)}
    return users - allowed - {_owner(snapshot, policy)}


def _owner(snapshot: Snapshot, policy: RbacPolicy) -> str:
    """Policies may be the admin's, for another's object."""
    obj: Any = snapshot.get(TYPES[policy.object_type], policy.object_id)
    return obj.project_id if obj is not None else ""


def _users_of_network(snapshot: Snapshot, id: str) -> Iterable[Any]:
    ports = snapshot.by(Port, "network", id)
    for port in ports:
        if port.device_owner in INTERFACES or not port.device_owner.startswith("network:"):
            yield port
    yield from snapshot.by(Subnet, "network", id)


def _users_of_qos_policy(snapshot: Snapshot, id: str) -> Iterable[Any]:
    for cls in (Network, Port, FloatingIP):
        yield from snapshot.by(cls, "qos_policy", id)


TYPES: Mapping[str, type[Object]] = {
    "network": Network,
    "security_group": SecurityGroup,
    "address_group": AddressGroup,
    "subnetpool": SubnetPool,
    "address_scope": AddressScope,
    "qos_policy": QosPolicy,
}
"""What can be shared, by the `object_type` of policies."""

USERS: Mapping[str, Callable[[Snapshot, str], Iterable[Any]]] = {
    "network": _users_of_network,
    "security_group": lambda snapshot, id: snapshot.by(Port, "security_group", id),
    "address_group": lambda snapshot, id: snapshot.by(
        SecurityGroupRule, "remote_address_group", id
    ),
    "subnetpool": lambda snapshot, id: snapshot.by(Subnet, "subnetpool", id),
    "address_scope": lambda snapshot, id: snapshot.by(SubnetPool, "address_scope", id),
    "qos_policy": _users_of_qos_policy,
}
"""The objects, of whatever project, that rely on an object of the type."""
