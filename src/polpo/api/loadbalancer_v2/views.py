"""What all views are made with: the statuses of many objects, with one question to the hosts."""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.context import Carrying
from polpo.api.loadbalancer_v2 import fields, statuses, tree
from polpo.api.network_v2.resource import Reading, View
from polpo.model.load_balancer import LoadBalancer, Part


class Look(msgspec.Struct, frozen=True):
    """What hosts say of some load balancers, at one snapshot."""

    r: Reading
    carried: dict[str, Carrying]

    def of(self, balancer_id: str) -> Carrying:
        return self.carried.get(balancer_id, Carrying())

    def standard(self, obj: Any) -> View:
        """What all objects show."""
        is_top = isinstance(obj, LoadBalancer)
        carrying = self.of(obj.id if is_top else obj.load_balancer_id)
        of = statuses.of_balancer if is_top else statuses.of_part
        return {
            **fields.standard(obj),
            "provisioning_status": of(carrying, obj),
            "operating_status": statuses.operating(self.r.snapshot, carrying, obj),
        }


def look(r: Reading, objects: Sequence[LoadBalancer | Part]) -> Look:
    balancers = {
        b.id: b
        for b in (
            obj if isinstance(obj, LoadBalancer) else tree.balancer_of(r.snapshot, obj)
            for obj in objects
        )
    }
    return Look(r, r.wiring.balancers(r.snapshot, balancers.values()))
