"""polpo services and polpo policy: pods on hosts' network, which know the cloud by a Secret."""

from polpo.lab import secrets
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.component import Component
from polpo.lab.running import PROJECT


def start(cluster: Cluster) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "polpo-cloud", "namespace": "kube-system"},
            "stringData": {"clouds.yaml": secrets.clouds_of(cluster.running.lab, PROJECT)},
        }
    )
    for name in ("services", "policy"):
        cluster.deploy(name)
    for name in ("services", "policy"):
        cluster.until_available(f"polpo-{name}")


COMPONENT = Component("polpo services, polpo policy", start)
