"""polpo cloud-controller: Services of type LoadBalancer. It knows the cloud by the Secret that is
there already (components.controllers)."""

from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.component import Component

NAME = "cloud-controller"


def start(cluster: Cluster) -> None:
    cluster.deploy(NAME)
    cluster.until_available(f"polpo-{NAME}")


COMPONENT = Component("polpo cloud-controller", start)
