"""A cluster's nodes, as far as Services have to do with them: their zones and own addresses."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.kube.objects import Node
from polpo.kube.reflection import Change
from polpo.model import cluster

ZONE = "topology.kubernetes.io/zone"
INTERNAL = "InternalIP"


class Nodes:
    """`now` is all of them, by name."""

    def __init__(self) -> None:
        self.now: dict[str, cluster.Node] = {}
        self._told: dict[str, cluster.Node] | None = None

    def nodes(self, changes: Iterable[Change[Node]]) -> None:
        for change in changes:
            if change.object is None:
                self.now.pop(change.key, None)
            else:
                self.now[change.key] = place_of(change.object)

    def to_tell(self) -> dict[str, cluster.Node] | None:
        """All, if they are not as they were told last."""
        return dict(self.now) if self.now != self._told else None

    def told(self, nodes: dict[str, cluster.Node]) -> None:
        self._told = nodes


def place_of(node: Node) -> cluster.Node:
    """Node ports are at the addresses by which nodes know each other, as with kube-proxy."""
    internal = (one.address for one in node.status.addresses or () if one.type == INTERNAL)
    return cluster.Node((node.metadata.labels or {}).get(ZONE, ""), tuple(sorted(internal)))
