"""`qos_policy_id` of networks, ports and floating IPs: which policy one may name."""

from polpo.api.network_v2 import sharing, values
from polpo.api.network_v2.attributes import Attribute
from polpo.api.network_v2.errors import NeutronError, not_found
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.values import nullable
from polpo.model.network import Network
from polpo.model.qos import QosPolicy
from polpo.model.snapshot import Snapshot

ATTRIBUTE = Attribute(
    kind=nullable(values.uuid()), default=None, filter=False, sort=False, field="qos_policy_id"
)


def usable(w: Writing, project_id: str, policy_id: str | None) -> str:
    """The policy's id, "" for none. Raises QosPolicyNotFound if it is not the project's to use."""
    if policy_id is None:
        return ""
    policy = w.snapshot.get(QosPolicy, policy_id)
    if policy is None or not _may_use(w, project_id, policy):
        raise not_found("QosPolicyNotFound", f"QoS policy {policy_id} could not be found.")
    return policy.id


def changed(w: Writing, project_id: str, before: str, policy_id: str | None) -> str:
    """The same in the place of another: one that the admin gave stays until the admin takes it."""
    after = usable(w, project_id, policy_id)
    held = w.snapshot.get(QosPolicy, before) if before not in ("", after) else None
    if held is not None and not _may_use(w, project_id, held):
        raise NeutronError(
            403,
            "PolicyRemoveAuthorizationError",
            f"Failed to remove provided policy {before} because you are not authorized.",
        )
    return after


def _may_use(w: Writing, project_id: str, policy: QosPolicy) -> bool:
    return (
        w.context.is_admin
        or policy.project_id == project_id
        or sharing.granted(w.snapshot, policy.id, sharing.SHARED, project_id)
    )


def default(snapshot: Snapshot, project_id: str) -> str:
    """What a new network gets that names none."""
    return snapshot.holder("default-qos-policy", project_id) or ""


def of_network(snapshot: Snapshot, network_id: str) -> str | None:
    network = snapshot.get(Network, network_id)
    return (network.qos_policy_id or None) if network else None
