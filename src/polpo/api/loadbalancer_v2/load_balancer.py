"""Load balancers (Octavia API reference, "Load Balancers")."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import instances, kinds, quotas, tree, vip
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.loadbalancer_v2.fields import ids, octavia_table, optional
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import qos_binding, segments, values
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.model.load_balancer import Listener, LoadBalancer, Pool

_ID = values.uuid()
_MORE = values.record({"subnet_id": _ID}, {"ip_address": values.address()})

TABLE = octavia_table(
    "loadbalancer",
    {
        "vip_address": optional(values.address(), "", put=False, field="vip_address"),
        "vip_network_id": optional(_ID, "", put=False, field="vip_network_id"),
        "vip_port_id": optional(_ID, "", put=False, field="vip_port_id"),
        "vip_subnet_id": optional(_ID, "", put=False, field="vip_subnet_id"),
        "vip_qos_policy_id": optional(_ID, "", field="vip_qos_policy_id"),
        "vip_vnic_type": optional(values.one_of("normal"), "normal", put=False),
        "vip_sg_ids": optional(values.list_of(_ID), ()),
        "additional_vips": optional(values.list_of(_MORE), (), put=False),
        "provider": optional(values.text(64), "", put=False, field="provider"),
        "flavor_id": optional(_ID, "", put=False, field="flavor_id"),
        "availability_zone": optional(values.name(), "", put=False, field="availability_zone"),
    },
)


def create(w: Writing, given: dict[str, Any]) -> LoadBalancer:
    quotas.check(w, "loadbalancer", given["project_id"])
    id = new_id()
    kind = kinds.chosen(w, given)
    given.pop("vip_vnic_type")
    groups = given["vip_sg_ids"]
    qos = qos_binding.usable(w, given["project_id"], given["vip_qos_policy_id"] or None)
    addresses = vip.take(w, id, given)
    fields = {**given, **kind, **addresses, "vip_qos_policy_id": qos, "vip_sg_ids": groups}
    balancer = LoadBalancer(id=id, vni=segments.free_vni(w), wiring=w.tx.revision, **fields)
    balancer = w.tx.put(balancer)
    instances.arrange(w, balancer)
    return balancer


def update(w: Writing, balancer: LoadBalancer, given: dict[str, Any]) -> LoadBalancer:
    if "vip_qos_policy_id" in given:
        wanted, before = given["vip_qos_policy_id"] or None, balancer.vip_qos_policy_id
        given["vip_qos_policy_id"] = qos_binding.changed(w, balancer.project_id, before, wanted)
    if "vip_sg_ids" in given:
        given["vip_sg_ids"] = vip.regroup(w, balancer, given["vip_sg_ids"])
    after = changed(balancer, given)
    if after is balancer:
        return balancer
    after = w.tx.put(replace(after, wiring=w.tx.revision))
    instances.arrange(w, after)
    return after


def delete(w: Writing, balancer: LoadBalancer) -> None:
    held = (w.snapshot.count_by(kind, "load_balancer", balancer.id) for kind in tree.PARTS)
    if any(held):
        raise invalid(f"Cannot delete Load Balancer {balancer.id} - it has children")
    delete_all(w, balancer)


def delete_all(w: Writing, balancer: LoadBalancer) -> None:
    """With all that hangs on it."""
    for kind in tree.PARTS:
        tree.remove_all(w, w.snapshot.by(kind, "load_balancer", balancer.id))
    w.tx.remove(balancer)
    instances.remove(w, balancer)
    vip.release(w, balancer)


def view(r: Reading, balancers: Sequence[LoadBalancer]) -> list[View]:
    seen = look(r, balancers)
    return [
        {
            **seen.standard(balancer),
            "vip_address": balancer.vip_address,
            "vip_network_id": balancer.vip_network_id,
            "vip_port_id": balancer.vip_port_id,
            "vip_subnet_id": balancer.vip_subnet_id or None,
            "vip_qos_policy_id": balancer.vip_qos_policy_id or None,
            "vip_vnic_type": "normal",
            "vip_sg_ids": balancer.vip_sg_ids,
            "additional_vips": balancer.additional_vips,
            "provider": balancer.provider,
            "flavor_id": balancer.flavor_id or None,
            "availability_zone": balancer.availability_zone or None,
            "listeners": ids(r.snapshot.by(Listener, "load_balancer", balancer.id)),
            "pools": ids(r.snapshot.by(Pool, "load_balancer", balancer.id)),
        }
        for balancer in balancers
    ]


RESOURCE = Resource(
    member="loadbalancer",
    collection="loadbalancers",
    path="loadbalancers",
    model=LoadBalancer,
    table=TABLE,
    missing=("NotFound", "Load Balancer {id} not found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={"name": "name", "project_id": "project", "vip_address": "vip_address"},
)
