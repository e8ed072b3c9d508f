"""A cluster's nodes, as far as Services have to do with them: their zones and own addresses."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from polpo.kube.objects import Meta, Struct
from polpo.kube.reflection import Change
from polpo.kube.resources import Resource

ZONE = "topology.kubernetes.io/zone"
INTERNAL = "InternalIP"


class Address(Struct, frozen=True):
    """v1 NodeAddress."""

    type: str = ""
    address: str = ""


class NodeStatus(Struct, frozen=True):
    addresses: tuple[Address, ...] = ()


class Node(Struct, frozen=True):
    """v1 Node, as far as it is somewhere."""

    metadata: Meta
    status: NodeStatus = NodeStatus()


NODES: Resource[Node] = Resource("", "v1", "nodes", "Node", Node, namespaced=False)


class Place(msgspec.Struct, frozen=True):
    """A node as the network's API takes it (model.cluster.Node)."""

    zone: str = ""
    addresses: tuple[str, ...] = ()


class Nodes:
    """`now` is all of them, by name."""

    def __init__(self) -> None:
        self.now: dict[str, Place] = {}
        self._told: dict[str, Place] | None = None

    def nodes(self, changes: Iterable[Change[Node]]) -> None:
        for change in changes:
            if change.object is None:
                self.now.pop(change.key, None)
            else:
                self.now[change.key] = place_of(change.object)

    def to_tell(self) -> dict[str, Place] | None:
        """All, if they are not as they were told last."""
        return dict(self.now) if self.now != self._told else None

    def told(self, nodes: dict[str, Place]) -> None:
        self._told = nodes


def place_of(node: Node) -> Place:
    """Node ports are at the addresses by which nodes know each other, as with kube-proxy."""
    internal = (one.address for one in node.status.addresses if one.type == INTERNAL)
    return Place((node.metadata.labels or {}).get(ZONE, ""), tuple(sorted(internal)))
