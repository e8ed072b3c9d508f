"""polpo dns: two pods behind the Service address that kubelet tells all pods of."""

from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.component import Component
from polpo.lab.kubernetes.layout import DNS_SERVICE


def start(cluster: Cluster) -> None:
    cluster.deploy("dns")
    cluster.until_available("coredns")


COMPONENT = Component(f"cluster DNS: polpo dns behind {DNS_SERVICE}", start)
