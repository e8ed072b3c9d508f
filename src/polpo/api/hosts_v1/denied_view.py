"""What was denied, with names: whose port it is, who the other end is, and which policies hold.

Named as they are now: the ClusterNetworkPolicy whose rule denies; or else what has not let it pass:
the NetworkPolicies that isolate a pod in that direction, or the port's security groups.
"""

from typing import Any

from polpo.api.context import Context
from polpo.dataplane.frames import Transport
from polpo.dataplane.steps import Judged
from polpo.dataplane.tables import pack_address
from polpo.model.port import Port
from polpo.model.protocol import ICMP, ICMPV6, NAMES
from polpo.model.security_group import SecurityGroup
from polpo.model.snapshot import Snapshot
from polpo.target.denial import Denial
from polpo.trace.rules import denying

BY_POLICY = ("ingress_policy", "egress_policy")


def shown(snapshot: Snapshot, context: Context, host: str, denial: Denial) -> dict[str, Any] | None:
    """None for what is not the asker's to see, and for ports that are gone."""
    port = snapshot.get(Port, denial.port)
    if port is None or not _may_see(context, port):
        return None
    incoming = denial.direction == "ingress"
    remote = denial.source if incoming else denial.destination
    peer = _at(snapshot, denial.vni, remote)
    said = {
        "at": denial.at,
        "count": denial.count,
        "port": _named(port),
        "direction": denial.direction,
        "reason": denial.reason,
        "source": denial.source,
        "destination": denial.destination,
        "peer": _named(peer) if peer is not None and _may_see(context, peer) else None,
        **_what(denial),
        **(_why(snapshot, port, peer, denial) if denial.reason in BY_POLICY else {}),
    }
    return said | {"host": host} if context.is_admin else said


def _what(denial: Denial) -> dict[str, Any]:
    protocol = NAMES.get(denial.protocol, str(denial.protocol))
    if denial.protocol in (ICMP, ICMPV6):
        kind, code = denial.number >> 8, denial.number & 0xFF
        return {"protocol": protocol, "icmp_type": kind, "icmp_code": code}
    return {"protocol": protocol, "destination_port": denial.number or None}


def _why(snapshot: Snapshot, port: Port, peer: Port | None, denial: Denial) -> dict[str, list[str]]:
    found = [snapshot.get(SecurityGroup, id) for id in port.security_groups]
    groups = [group for group in found if group is not None]
    names = sorted(group.name or group.id for group in groups if not group.cluster_id)
    rule = denying(snapshot, port, _judged(peer, denial))
    if rule is not None:
        by = snapshot.get(SecurityGroup, rule.security_group_id)
        return {"policies": [_of_admins(by)] if by is not None else [], "security_groups": []}
    policies = {_policy(group.cluster_key, denial.direction) for group in groups}
    return {"policies": sorted(policies - {""}), "security_groups": names}


def _judged(peer: Port | None, denial: Denial) -> Judged:
    """What the port was asked to let pass, as of now."""
    incoming, number = denial.direction == "ingress", denial.number
    what = Transport(denial.protocol, 0, number)
    if denial.protocol in (ICMP, ICMPV6):
        what = Transport(denial.protocol, 0, 0, kind=number >> 8, code=number & 0xFF)
    remote = pack_address(denial.source if incoming else denial.destination)
    groups = peer.group_set if peer is not None else ()
    return Judged(denial.port, incoming, remote, groups, what, allowed=False)


def _policy(key: str, direction: str) -> str:
    """<namespace>/<name> of the policy whose group it is, if it isolates in that direction."""
    kind, *path = key.partition("#")[0].split("/")
    isolates = kind == "policy" and len(path) == 3 and path[2] == direction
    return f"{path[0]}/{path[1]}" if isolates else ""


def _of_admins(group: SecurityGroup) -> str:
    """The group's key is <tier>/<name of the policy>/<direction>; of another kind <kind>:<name>.
    Somebody else's controller may have other keys.
    """
    parts = group.cluster_key.split("/")
    if len(parts) != 3:
        return group.cluster_key
    kind, _, name = parts[1].rpartition(":")
    return f"{kind or 'ClusterNetworkPolicy'}/{name}"


def _at(snapshot: Snapshot, vni: int, address: str) -> Port | None:
    network = snapshot.holder("vni", str(vni))
    ports = snapshot.by(Port, "address", address)
    return next((port for port in ports if port.network_id == network), None)


def _named(port: Port) -> dict[str, str]:
    return {"id": port.id, "name": port.name}


def _may_see(context: Context, port: Port) -> bool:
    return context.is_admin or port.project_id == context.project_id
