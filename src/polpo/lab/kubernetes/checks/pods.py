"""Pods on two nodes: between themselves and to the outside."""

import time
from collections.abc import Iterator

from polpo.lab.checks import WORLD, Check
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.boxes import Box
from polpo.lab.kubernetes.cluster import Cluster


def prove(cluster: Cluster) -> Iterator[Check]:
    yield are_ready(cluster)
    first, second = boxes.usual(cluster)[:2]
    for family in (4, 6):
        yield reach_each_other(cluster, first, second, family)
    yield reach_neighbours(cluster, first)
    yield reach_the_outside(cluster, first)


def are_ready(cluster: Cluster) -> Check:
    """One on each node, with httpd; kubelet's probes come by the host's own port."""
    begun = time.monotonic()
    boxes.run(cluster, *boxes.usual(cluster), neighbour(cluster))
    took = time.monotonic() - begun
    return Check("Kubernetes: a pod on each node is Ready", True, f"{took:.1f} s after apply")


def neighbour(cluster: Cluster) -> Box:
    """Of the first box, on the same node; it is no Service's."""
    return Box("neighbour", cluster.at.nodes[0].name, {"app": "neighbour"})


def reach_neighbours(cluster: Cluster, box: Box) -> Check:
    other = neighbour(cluster)
    found = [boxes.address(cluster, other, family) for family in (4, 6)]
    said = [boxes.soon(cluster, box, address) for address in found]
    what = "Kubernetes: pod to pod on one host, IPv4 and IPv6"
    return Check(what, said == [other.name, other.name], f"{' and '.join(found)} say {said[0]!r}")


def reach_each_other(cluster: Cluster, first: Box, second: Box, family: int) -> Check:
    address = boxes.address(cluster, second, family)
    said = boxes.soon(cluster, first, address)
    what = f"Kubernetes: pod to pod across hosts, IPv{family}"
    return Check(what, said == second.name, f"{address} says {said!r}")


def reach_the_outside(cluster: Cluster, box: Box) -> Check:
    said = boxes.soon(cluster, box, WORLD, 80)
    return Check("Kubernetes: a pod reaches the outside by SNAT", bool(said), f"{WORLD}: {said!r}")
