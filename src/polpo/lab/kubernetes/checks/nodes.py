"""Nodes, by kubelet's own word."""

from collections.abc import Iterator

from polpo.lab.checks import Check
from polpo.lab.kubernetes.cluster import Cluster


def prove(cluster: Cluster) -> Iterator[Check]:
    names = [node.name for node in cluster.at.nodes]
    versions = {n["status"]["nodeInfo"]["kubeletVersion"] for n in cluster.show("nodes")["items"]}
    yield Check("Kubernetes: nodes Ready", True, f"{', '.join(names)}: {', '.join(versions)}")
