"""All members of a pool at once (Octavia API reference, "Batch Update Members")."""

from typing import Any

from polpo.api.loadbalancer_v2 import member, pool
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.network_v2.attributes import read_child, read_update
from polpo.api.network_v2.collection import Answer, Call, item, to_change
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import Member, Pool

FIXED = ("address", "protocol_port", "subnet_id", "vnic_type", "project_id", "tenant_id")
"""What makes a member another one."""


async def update(call: Call, pool_id: str, additive: bool) -> Answer:
    """Members are told apart by address and port. Those not named go, unless it is additive."""
    bodies = item("members", call.body)
    if not isinstance(bodies, list):
        raise invalid("members must be a list.")
    read = [(body, read_child(member.TABLE, body, call.context)) for body in bodies]
    keys = {(given["address"], given["protocol_port"]) for _, given in read}
    if len(keys) < len(read):
        raise invalid("A member is there twice.")

    def act(w: Writing) -> None:
        of: Pool = to_change(pool.RESOURCE, w, call, pool_id, "update")
        before = {(m.address, m.protocol_port): m for m in w.snapshot.by(Member, "pool", of.id)}
        for key in () if additive else before.keys() - keys:
            w.tx.remove(before[key])
        for body, given in read:
            found = before.get((given["address"], given["protocol_port"]))
            _put(w, of, found, body, dict(given))
        member.settle(w, of)

    await call.write(act)
    return 202, None


def _put(
    w: Writing, of: Pool, found: Member | None, body: dict[str, Any], given: dict[str, Any]
) -> None:
    """Changed as far as the body says, or made."""
    if found is not None and given["subnet_id"] != found.subnet_id and "subnet_id" in body:
        w.tx.remove(found)
        found = None
    if found is None:
        member.add(w, of, given)
        return
    said = {key: value for key, value in body.items() if key not in FIXED}
    member.update(w, found, read_update(member.TABLE, said, w.context))
