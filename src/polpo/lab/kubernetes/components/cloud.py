"""`polpo cloud-controller`, beside the cluster's own controllers: Services of type LoadBalancer.

It is itself and no admin: what it may do in the cluster is below, and no more is needed.
"""

from typing import Any

from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.component import Component
from polpo.lab.kubernetes.layout import CLUSTER
from polpo.lab.running import polpo
from polpo.lab.secrets import write_private

NAME = "cloud-controller"
USER = "polpo:cloud-controller"
GROUP = "rbac.authorization.k8s.io"


def _may(group: str, resources: str, verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


RULES = [
    _may("", "services nodes", "get list watch patch"),
    _may("", "services/status nodes/status", "patch"),
    _may("", "nodes", "delete"),
    _may("", "namespaces", "get"),
    _may("discovery.k8s.io", "endpointslices", "get list watch"),
    _may("events.k8s.io", "events", "create patch"),
    _may("coordination.k8s.io", "leases", "get create update"),
]


def start(cluster: Cluster) -> None:
    cluster.apply(*_rights())
    config = cluster.at.folder / f"{NAME}.kubeconfig"
    write_private(config, cluster.config_of(USER))
    clouds = f"OS_CLIENT_CONFIG_FILE={cluster.at.lab.clouds}"
    words = ("--cluster", CLUSTER, "--kubeconfig", str(config), "--cloud", "polpo")
    cluster.running.start(NAME, ("env", clouds, *polpo(NAME, *words)))


def _rights() -> list[dict[str, Any]]:
    role = {"apiVersion": f"{GROUP}/v1", "metadata": {"name": USER}}
    who = {"kind": "User", "name": USER, "apiGroup": GROUP}
    reference = {"kind": "ClusterRole", "name": USER, "apiGroup": GROUP}
    return [
        role | {"kind": "ClusterRole", "rules": RULES},
        role | {"kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [who]},
    ]


COMPONENT = Component("the cloud controller", start)
