"""polpo ingress: two pods behind a Service of type LoadBalancer that tells them of clients."""

from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.component import Component

NAME = "polpo-ingress"


def start(cluster: Cluster) -> None:
    cluster.deploy("ingress")
    cluster.until_available(NAME, NAME)


COMPONENT = Component("polpo ingress", start)
