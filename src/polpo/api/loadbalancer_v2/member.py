"""Members of pools (Octavia API reference, "Members")."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import instances, quotas, tree
from polpo.api.loadbalancer_v2.fields import octavia_table, optional, port
from polpo.api.loadbalancer_v2.views import look
from polpo.api.loadbalancer_v2.vip import attachable_subnet
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.api.network_v2.values import Kind
from polpo.model.load_balancer import Member, Pool


def reachable() -> Kind:
    """An address that a member may have: not one of the load balancer itself, or of its link."""
    address = values.address()

    def read(value: Any) -> str:
        found = ip_address(address.read(value))
        mapped = getattr(found, "ipv4_mapped", None) or found
        if mapped.is_loopback or mapped.is_link_local or mapped.is_multicast:
            raise ValueError(f"Member IP {value} is not allowed")
        if mapped.is_unspecified or str(mapped) == "255.255.255.255":
            raise ValueError(f"Member IP {value} is not allowed")
        return str(found)

    return Kind(read, address.schema)


TABLE = octavia_table(
    "member",
    {
        "pool_id": shown(values.uuid(), field="pool_id"),
        "address": Attribute(kind=reachable(), put=False, default=REQUIRED, field="address"),
        "protocol_port": Attribute(kind=port(), put=False, default=REQUIRED, field="protocol_port"),
        "weight": optional(values.integer(0, 256), 1, field="weight"),
        "backup": optional(values.boolean(), False, field="backup"),
        "subnet_id": optional(values.uuid(), "", put=False, field="subnet_id"),
        "monitor_address": optional(reachable(), "", field="monitor_address"),
        "monitor_port": optional(port(), None, field="monitor_port"),
        "vnic_type": optional(values.one_of("normal"), "normal", put=False),
    },
)


def create(w: Writing, pool: Pool, given: dict[str, Any]) -> Member:
    member = add(w, pool, given)
    settle(w, pool)
    return member


def add(w: Writing, pool: Pool, given: dict[str, Any]) -> Member:
    """Without the ports that it needs: `settle` makes those of many at once."""
    quotas.check(w, "member", pool.project_id, pool.load_balancer_id)
    given.pop("vnic_type")
    if given["subnet_id"]:
        attachable_subnet(w, given["subnet_id"])
    given["project_id"] = pool.project_id
    of: dict[str, Any] = {"load_balancer_id": pool.load_balancer_id, "pool_id": pool.id}
    return w.tx.put(Member(id=new_id(), **of, **given))


def settle(w: Writing, pool: Pool) -> None:
    tree.touch(w, pool.load_balancer_id)
    instances.arrange(w, tree.balancer_of(w.snapshot, pool))


def update(w: Writing, member: Member, given: dict[str, Any]) -> Member:
    after = changed(member, given)
    if after is member:
        return member
    after = w.tx.put(after)
    tree.touch(w, member.load_balancer_id)
    return after


def delete(w: Writing, member: Member) -> None:
    w.tx.remove(member)
    tree.touch(w, member.load_balancer_id)
    instances.arrange(w, tree.balancer_of(w.snapshot, member))


def view(r: Reading, members: Sequence[Member]) -> list[View]:
    seen = look(r, members)
    return [
        {
            **seen.standard(member),
            "address": member.address,
            "protocol_port": member.protocol_port,
            "weight": member.weight,
            "backup": member.backup,
            "subnet_id": member.subnet_id or None,
            "monitor_address": member.monitor_address or None,
            "monitor_port": member.monitor_port,
            "vnic_type": "normal",
        }
        for member in members
    ]


RESOURCE = Resource(
    member="member",
    collection="members",
    path="members",
    model=Member,
    table=TABLE,
    missing=("NotFound", "Member {id} not found."),
    view=view,
    update=update,
    delete=delete,
    indexes={"pool_id": "pool", "name": "name", "project_id": "project"},
)
