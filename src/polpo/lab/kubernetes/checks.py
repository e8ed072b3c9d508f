"""What is proven of the cluster: pods on two nodes, by real packets."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from polpo.lab.checks import WORLD, Check
from polpo.lab.command import CommandFailed
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.image import BOX
from polpo.lab.running import LabFailed

PATIENCE_S = 60.0
SERVE = "hostname >/www/index.html; exec httpd -f -p 8080 -h /www"


def prove(cluster: Cluster) -> Iterator[Check]:
    """Each check as it is done."""
    yield nodes_ready(cluster)
    yield pods_run(cluster)
    first, second = (_pod(cluster, node.name) for node in cluster.at.nodes[:2])
    for family in (4, 6):
        yield pod_to_pod(cluster, first, second, family)
    yield pod_to_outside(cluster, first)


def nodes_ready(cluster: Cluster) -> Check:
    names = [node.name for node in cluster.at.nodes]
    versions = {n["status"]["nodeInfo"]["kubeletVersion"] for n in cluster.show("nodes")["items"]}
    return Check("Kubernetes: nodes Ready", True, f"{', '.join(names)}: {', '.join(versions)}")


def pods_run(cluster: Cluster) -> Check:
    """One on each node, with httpd; kubelet's probes come by the host's own port."""
    begun = time.monotonic()
    cluster.apply(*(_manifest(node.name) for node in cluster.at.nodes))
    for node in cluster.at.nodes:
        _until(lambda name=node.name: _is_ready(cluster, name), f"pod {_name(node.name)}")  # type: ignore[misc]
    took = time.monotonic() - begun
    return Check("Kubernetes: a pod on each node is Ready", True, f"{took:.1f} s after apply")


def pod_to_pod(cluster: Cluster, first: Any, second: Any, family: int) -> Check:
    address = _address(second, family)
    said = _get(cluster, first, address, 8080)
    what = f"Kubernetes: pod to pod across hosts, IPv{family}"
    return Check(what, said == second["metadata"]["name"], f"{address} says {said!r}")


def pod_to_outside(cluster: Cluster, pod: Any) -> Check:
    said = _get(cluster, pod, WORLD, 80)
    return Check("Kubernetes: a pod reaches the outside by SNAT", bool(said), f"{WORLD}: {said!r}")


def _get(cluster: Cluster, pod: Any, address: str, port: int) -> str:
    """The last line that a pod hears there, asked for by `kubectl exec`; "" for nothing.

    By nc: a static wget looks for libraries (NSS) that the image has not.
    """
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {address} {port}"
    try:
        said = cluster.kubectl("exec", pod["metadata"]["name"], "--", "sh", "-c", ask)
    except CommandFailed:
        return ""
    return said.strip().rpartition("\n")[2]


def _manifest(node: str) -> dict[str, Any]:
    container = {
        "name": "box",
        "image": BOX,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", SERVE],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name(node), "namespace": "default", "labels": {"app": "box"}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def _name(node: str) -> str:
    return f"box-{node}"


def _pod(cluster: Cluster, node: str) -> Any:
    return cluster.show("pod", _name(node))


def _is_ready(cluster: Cluster, node: str) -> bool:
    conditions = _pod(cluster, node)["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _address(pod: Any, family: int) -> str:
    found = (str(ip["ip"]) for ip in pod["status"]["podIPs"])
    return next((ip for ip in found if (":" in ip) == (family == 6)), "")


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise LabFailed(f"{what} is not Ready after {PATIENCE_S:.0f} s")
        time.sleep(0.1)
