"""Placements: on which host an instance of a network function lives. The cloud's own, no user's.

A network function is a router's gateway, or a load balancer.
"""

from typing import ClassVar
from uuid import NAMESPACE_OID, uuid5

from polpo.model.object import Claim, IndexEntry, Object

INSTANCES = (3, 4)
"""Each is the last part of its address in the transit network (docs/design/routing.md)."""

HIGH, LOW, MOVING = 200, 150, 250
"""Priorities: of two that begin, HIGH is active; MOVING takes it from whoever is."""


class Placement(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is `instance_id` of function and instance, and also that of its transit network's port.

    function_id  of the router or of the load balancer
    preempt    it is to become the active one now: a planned move
    leaving    its host is to take it down, before it is anywhere else
    came_from  the host that it was drained from, if it was
    wish       which wish for a failover (LoadBalancer.wish) it has followed
    since      the store's revision that brought it to its host
    """

    kind: ClassVar[str] = "placement"

    function_id: str
    instance: int
    host: str
    priority: int
    preempt: bool = False
    leaving: bool = False
    came_from: str = ""
    wish: int = 0
    since: int = 0

    def claims(self) -> tuple[Claim, ...]:
        """No instance twice, and no two on one host: whoever places them."""
        return (
            (f"placement/{self.function_id}", str(self.instance)),
            (f"placement-host/{self.function_id}", self.host),
        )

    def index(self) -> tuple[IndexEntry, ...]:
        return (("function", self.function_id), ("host", self.host))


def instance_id(function_id: str, instance: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"polpo/{function_id}/{instance}"))
