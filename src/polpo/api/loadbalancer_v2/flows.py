"""What has passed, and how everything of a load balancer is: `stats` and `status`."""

from collections.abc import Iterable, Sequence
from typing import Any

from polpo.api.context import Carrying
from polpo.api.loadbalancer_v2 import listener, load_balancer, statuses, tree
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.resource import Reading, View
from polpo.model.load_balancer import Listener, LoadBalancer, Member, Part, Pool
from polpo.target.balancer import Flow

FIGURES = ("active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections")


def total(flows: Iterable[Flow]) -> View:
    found = list(flows)
    return {name: sum(getattr(flow, name) for flow in found) for name in FIGURES}


async def of_balancer(call: Call, id: str) -> Answer:
    r = call.reading()
    balancer = load_balancer.RESOURCE.find(r.snapshot, call.context, id)
    return 200, {"stats": total(_carrying(r, balancer).flows.values())}


async def of_listener(call: Call, id: str) -> Answer:
    r = call.reading()
    found: Listener = listener.RESOURCE.find(r.snapshot, call.context, id)
    carrying = _carrying(r, tree.balancer_of(r.snapshot, found))
    return 200, {"stats": total(f for of, f in carrying.flows.items() if of == id)}


def _carrying(r: Reading, balancer: LoadBalancer) -> Carrying:
    return r.wiring.balancers(r.snapshot, [balancer])[balancer.id]


async def status_tree(call: Call, id: str) -> Answer:
    r = call.reading()
    balancer = load_balancer.RESOURCE.find(r.snapshot, call.context, id)
    seen = Statuses(r, _carrying(r, balancer))
    return 200, {"statuses": {"loadbalancer": seen.balancer(balancer)}}


class Statuses:
    """A tree as `status` shows it: listeners with their pools, pools with their members."""

    def __init__(self, r: Reading, carrying: Carrying) -> None:
        self._snapshot, self._carrying = r.snapshot, carrying

    def balancer(self, balancer: LoadBalancer) -> View:
        listeners = tree.parts(self._snapshot, Listener, balancer.id)
        return {
            **self._one(balancer, statuses.of_balancer(self._carrying, balancer)),
            "listeners": [self._listener(one) for one in listeners],
            "pools": [self._pool(one) for one in tree.parts(self._snapshot, Pool, balancer.id)],
        }

    def _listener(self, listener: Listener) -> View:
        pools = (self._snapshot.get(Pool, id) for id in tree.pools_of(self._snapshot, listener))
        policies = tree.policies(self._snapshot, listener.id)
        return {
            **self._part(listener),
            "pools": [self._pool(pool) for pool in pools if pool is not None],
            "l7policies": [{**self._part(policy), "action": policy.action} for policy in policies],
        }

    def _pool(self, pool: Pool) -> View:
        monitor = tree.monitor_of(self._snapshot, pool.id)
        members = sorted(self._snapshot.by(Member, "pool", pool.id), key=lambda m: m.id)
        shown: Sequence[View] = [
            {**self._part(m), "address": m.address, "protocol_port": m.protocol_port}
            for m in members
        ]
        watched = {} if monitor is None else {"type": monitor.type, **self._part(monitor)}
        return {**self._part(pool), "members": shown, "health_monitor": watched}

    def _part(self, part: Part) -> View:
        return self._one(part, statuses.of_part(self._carrying, part))

    def _one(self, obj: Any, provisioning: str) -> View:
        return {
            "id": obj.id,
            "name": obj.name,
            "provisioning_status": provisioning,
            "operating_status": statuses.operating(self._snapshot, self._carrying, obj),
        }
