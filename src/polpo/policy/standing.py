"""What a policy's status says: whether it can be followed, and whether the network has it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from polpo.policy.addresses import is_wildcard
from polpo.policy.objects import ClusterNetworkPolicy, Condition
from polpo.policy.tiers import faults

ACCEPTED, READY = "Accepted", "Ready"
LONGEST = 1024
UNHEARD = "wildcards want the cluster's DNS to tell of its answers (`domains` in its Corefile)"


def all_faults(policy: ClusterNetworkPolicy) -> Iterator[str]:
    """What cannot be followed, with the field that it is about."""
    for n, incoming in enumerate(policy.spec.ingress or ()):
        yield from (f"spec.ingress[{n}].{fault}" for fault in faults(incoming))
    for n, outgoing in enumerate(policy.spec.egress or ()):
        yield from (f"spec.egress[{n}].{fault}" for fault in faults(outgoing))


def unheard(policy: ClusterNetworkPolicy) -> Iterator[str]:
    """What cannot be followed while no DNS of the cluster tells."""
    for n, rule in enumerate(policy.spec.egress or ()):
        for m, peer in enumerate(rule.peers):
            for k, name in enumerate(peer.domain_names or ()):
                if is_wildcard(name):
                    yield f"spec.egress[{n}].to[{m}].domainNames[{k}]: {UNHEARD}"


def conditions(
    policy: ClusterNetworkPolicy, refused: Sequence[str], now: str, *, is_heard: bool = True
) -> tuple[Condition, ...]:
    """All that its status is to say: ours, and what others have said. `refused`: what the network
    has said against it; `is_heard`: whether the cluster's DNS is. A condition's time is when its
    status last changed."""
    said = {condition.type: condition for condition in policy.status.conditions or ()}
    faults = (*all_faults(policy), *(() if is_heard else unheard(policy)))
    found = "; ".join(faults)[:LONGEST]
    ours = (
        _condition(ACCEPTED, not found, "Accepted", "NotSupported", found),
        _condition(READY, not refused, "Told", "Refused", "; ".join(refused)[:LONGEST]),
    )
    for one in ours:
        before = said.get(one.type)
        same = before is not None and before.status == one.status
        at = before.last_transition_time if before is not None and same else now
        generation = policy.metadata.generation
        said[one.type] = replace(one, observed_generation=generation, last_transition_time=at)
    return tuple(said[type] for type in sorted(said))


def _condition(type: str, is_true: bool, good: str, bad: str, message: str) -> Condition:
    return Condition(type, "True" if is_true else "False", good if is_true else bad, message)
