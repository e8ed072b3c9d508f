"""L7 policies (Octavia API reference, "L7 Policies"), kept in order without gaps."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import protocols, quotas, tree
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.loadbalancer_v2.fields import ids, octavia_table, optional, url
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.model.load_balancer import L7Policy, L7Rule, Listener, Pool

TARGETS = {
    "REDIRECT_TO_POOL": "redirect_pool_id",
    "REDIRECT_TO_URL": "redirect_url",
    "REDIRECT_PREFIX": "redirect_prefix",
}
"""Where each action leads."""
CODES = (301, 302, 303, 307, 308)
USUAL_CODE = 302
LAST = values.LARGEST_INT

TABLE = octavia_table(
    "l7policy",
    {
        "listener_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="listener_id"
        ),
        "action": Attribute(
            kind=values.one_of("REJECT", *TARGETS), default=REQUIRED, field="action"
        ),
        "position": optional(values.integer(1), LAST, field="position"),
        "redirect_pool_id": optional(values.uuid(), "", field="redirect_pool_id"),
        "redirect_url": optional(url(), "", field="redirect_url"),
        "redirect_prefix": optional(url(), "", field="redirect_prefix"),
        "redirect_http_code": optional(values.one_of(*CODES, query=int), USUAL_CODE),
    },
)


def create(w: Writing, given: dict[str, Any]) -> L7Policy:
    listener = tree.named(w, Listener, given["listener_id"])
    quotas.check(w, "l7policy", listener.project_id, listener.load_balancer_id)
    given["project_id"] = listener.project_id
    of: dict[str, Any] = {"load_balancer_id": listener.load_balancer_id}
    return _put(w, L7Policy(id=new_id(), **of, **given), listener)


def update(w: Writing, policy: L7Policy, given: dict[str, Any]) -> L7Policy:
    """Saying where to says what to do, too."""
    for action, target in TARGETS.items():
        if given.get(target) and "action" not in given:
            given["action"] = action
    if given.get("action", policy.action) != policy.action:
        kept = TARGETS.get(given["action"])
        given.update({t: "" for t in TARGETS.values() if t != kept and t not in given})
    after = changed(policy, given)
    if after is policy:
        return policy
    listener = w.snapshot.get(Listener, policy.listener_id)
    assert listener is not None
    return _put(w, after, listener)


def _put(w: Writing, policy: L7Policy, listener: Listener) -> L7Policy:
    protocols.check_l7(tree.balancer_of(w.snapshot, listener), listener)
    _check(w, policy, listener)
    rest = [other for other in tree.policies(w.snapshot, listener.id) if other.id != policy.id]
    rest.insert(min(policy.position, len(rest) + 1) - 1, policy)
    _renumber(w, rest, policy)
    tree.touch(w, listener.load_balancer_id)
    stored = w.snapshot.get(L7Policy, policy.id)
    assert stored is not None
    return stored


def _renumber(w: Writing, order: Sequence[L7Policy], written: L7Policy | None = None) -> None:
    for position, policy in enumerate(order, 1):
        if policy.position != position or policy is written:
            w.tx.put(replace(policy, position=position))


def _check(w: Writing, policy: L7Policy, listener: Listener) -> None:
    """It leads where its action says, and nowhere else."""
    wanted = TARGETS.get(policy.action)
    if wanted is not None and not getattr(policy, wanted):
        raise invalid(f"Action {policy.action} requires {wanted}.")
    for target in TARGETS.values():
        if target != wanted and getattr(policy, target):
            raise invalid(f"Action {policy.action} has no {target}.")
    redirects = policy.action in ("REDIRECT_TO_URL", "REDIRECT_PREFIX")
    if policy.redirect_http_code != USUAL_CODE and not redirects:
        raise invalid(f"Action {policy.action} has no redirect_http_code.")
    if policy.redirect_pool_id:
        pool = tree.named(w, Pool, policy.redirect_pool_id)
        if pool.load_balancer_id != listener.load_balancer_id:
            raise invalid(f"Pool {pool.id} belongs to another load balancer.")
        protocols.check_pair(listener, pool)


def delete(w: Writing, policy: L7Policy) -> None:
    tree.remove_policy(w, policy)
    _renumber(w, tree.policies(w.snapshot, policy.listener_id))
    tree.touch(w, policy.load_balancer_id)


def view(r: Reading, policies: Sequence[L7Policy]) -> list[View]:
    seen = look(r, policies)
    return [
        {
            **seen.standard(policy),
            "listener_id": policy.listener_id,
            "action": policy.action,
            "position": policy.position,
            "redirect_pool_id": policy.redirect_pool_id or None,
            "redirect_url": policy.redirect_url or None,
            "redirect_prefix": policy.redirect_prefix or None,
            "redirect_http_code": _code(policy),
            "rules": ids(r.snapshot.by(L7Rule, "l7policy", policy.id)),
        }
        for policy in policies
    ]


def _code(policy: L7Policy) -> int | None:
    redirects = policy.redirect_url or policy.redirect_prefix
    return policy.redirect_http_code if redirects else None


RESOURCE = Resource(
    member="l7policy",
    collection="l7policies",
    path="l7policies",
    model=L7Policy,
    table=TABLE,
    missing=("NotFound", "L7 Policy {id} not found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={"listener_id": "listener", "name": "name", "project_id": "project"},
)
