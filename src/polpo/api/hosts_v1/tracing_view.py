"""A trace as JSON, for one who may see some things and others not.

Hosts, tunnels and numbers of networks are the cloud's admin's to see. What another project owns
is not named, nor are its rules and routes told of; only that they let the packet pass, or not.
"""

from collections.abc import Mapping
from typing import Any

from polpo.api.context import Context
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.object import Object
from polpo.model.port import Port
from polpo.model.router import FloatingIP, Router
from polpo.model.security_group import SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.trace.live import Sighted, is_seen, outcome
from polpo.trace.values import Kind, Step, Thing, Trace

TYPES: Mapping[str, type[Object]] = {
    cls.kind: cls for cls in (Port, Network, Subnet, Router, FloatingIP, SecurityGroupRule)
}
UNSAID = {
    Kind.RULE: "lets it pass",
    Kind.ROUTE: "sends it on",
    Kind.NAT: "translates it",
    Kind.TUNNEL: "gets it",
    Kind.GATEWAY: "passes it on",
    Kind.LEAVE: "sends it outside",
    Kind.DELIVER: "gets it",
    Kind.ANSWER: "answers",
}
"""What is said of things that the asker does not see; why they drop it is always said."""


def shown(snapshot: Snapshot, context: Context, trace: Trace) -> dict[str, Any]:
    steps = [_step(snapshot, context, step) for step in trace.steps]
    return {"verdict": trace.verdict, "reason": trace.reason or None, "steps": steps}


def with_sightings(
    said: dict[str, Any], context: Context, trace: Trace, sender: str, sighted: Sighted
) -> dict[str, Any]:
    """What was seen of the packet that was sent, at each step and in all. Why other packets were
    dropped on the hosts meanwhile is the admin's to see.
    """
    seen = outcome(sender, sighted)
    reasons = seen.reasons if context.is_admin else seen.reasons & {trace.reason}
    steps = [
        step | {"seen": is_seen(told, trace, sender, sighted)}
        for step, told in zip(said["steps"], trace.steps, strict=True)
    ]
    live = {"verdict": seen.verdict, "reasons": sorted(reasons), "agrees": seen.agrees(trace)}
    return said | {"steps": steps, "live": live}


def _step(snapshot: Snapshot, context: Context, step: Step) -> dict[str, Any]:
    sees = step.about is None or _may_see(snapshot, context, step.about)
    text = step.text if sees else UNSAID.get(step.kind, step.text)
    about = _named(snapshot, step.about, sees) if step.about is not None else None
    said: dict[str, Any] = {"step": step.kind, "text": text, "object": about}
    if context.is_admin:
        said |= {"host": step.host or None, "segment": step.vni or None}
    return said


def _named(snapshot: Snapshot, thing: Thing, sees: bool) -> dict[str, str]:
    """Of what the asker does not see only the kind."""
    if not sees:
        return {"kind": thing.kind}
    found: Any = snapshot.get(TYPES[thing.kind], thing.id) if thing.kind in TYPES else None
    named = {"kind": thing.kind, "id": thing.id, "name": getattr(found, "name", "")}
    if isinstance(found, SecurityGroupRule):
        named["security_group_id"] = found.security_group_id
    return named


def _may_see(snapshot: Snapshot, context: Context, thing: Thing) -> bool:
    if context.is_admin:
        return True
    if thing.kind == Host.kind:
        return False
    found: Any = snapshot.get(TYPES[thing.kind], thing.id)
    if found is None:
        return False
    return found.project_id == context.project_id or _is_shared(snapshot, context, found)


def _is_shared(snapshot: Snapshot, context: Context, found: Any) -> bool:
    """Networks are, by RBAC policies, and their subnets with them."""
    network = found.network_id if isinstance(found, Subnet) else found.id
    policies = snapshot.claimed(f"rbac/{network}")
    targets = ("*", context.project_id)
    return any(f"access_as_shared/{target}" in policies for target in targets)
