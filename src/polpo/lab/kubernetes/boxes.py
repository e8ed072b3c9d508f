"""Small pods that checks speak between: httpd at 8080 says the pod's name, 9000 is an echo.

At `WHO` httpd says whom it sees besides.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from polpo.lab.command import CommandFailed
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.image import BOX
from polpo.lab.probes import SOON_S

PORT, ECHO = 8080, 9000
WHO = "/cgi-bin/who"
SAY = "#!/bin/sh\\necho\\necho $(hostname) $REMOTE_ADDR"
SERVE = f"""hostname >/www/index.html
mkdir /www/cgi-bin && printf '{SAY}' >/www{WHO} && chmod +x /www{WHO}
nc -ll -p {ECHO} -e cat &
exec httpd -f -p {PORT} -h /www"""
PROBE = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}


class Box(msgspec.Struct, frozen=True):
    """What a check wants. `node` "": where the scheduler has it."""

    name: str
    node: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=lambda: {"app": "box"})
    namespace: str = "default"


def usual(cluster: Cluster) -> list[Box]:
    """One on each node, in the order of the nodes: they are there for all checks."""
    return [Box(f"box-{node.name}", node.name) for node in cluster.at.nodes]


def run(cluster: Cluster, *boxes: Box) -> None:
    """Returns when they are Ready."""
    cluster.apply(*map(_manifest, boxes), anew=True)
    for box in boxes:
        what = f"pod {box.namespace}/{box.name}"
        cluster.until(lambda box=box: is_ready(show(cluster, box)), f"{what} is Ready")  # type: ignore[misc]


def once(cluster: Cluster, box: Box, text: str) -> bool:
    """A new pod whose only act this is, by a shell; whether it succeeded."""
    where = ("--namespace", box.namespace, "pod", box.name)
    cluster.kubectl("delete", *where, "--ignore-not-found", "--now")
    manifest = _manifest(box)
    (container,) = manifest["spec"]["containers"]
    container["command"] = ["sh", "-c", text]
    del container["readinessProbe"]
    manifest["spec"]["restartPolicy"] = "Never"
    cluster.apply(manifest)

    def phase() -> str:
        return str(show(cluster, box)["status"].get("phase"))

    cluster.until(lambda: phase() in ("Succeeded", "Failed"), f"pod {box.name} has ended")
    succeeded = phase() == "Succeeded"
    cluster.kubectl("delete", *where, "--now", "--wait=false")
    return succeeded


def show(cluster: Cluster, box: Box) -> Any:
    return cluster.show("--namespace", box.namespace, "pod", box.name)


def is_ready(pod: Any) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def address(cluster: Cluster, box: Box, family: int) -> str:
    found = (str(ip["ip"]) for ip in show(cluster, box)["status"]["podIPs"])
    return next((ip for ip in found if (":" in ip) == (family == 6)), "")


def get(cluster: Cluster, box: Box, host: str, port: int = PORT, patience_s: int = 5) -> str:
    """The last line that a pod hears there, asked for by `kubectl exec`; "" for nothing.

    By nc: a static wget looks for libraries (NSS) that the image has not.
    """
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w {patience_s} {host} {port}"
    return sh(cluster, box, ask).strip().rpartition("\n")[2]


def soon(cluster: Cluster, box: Box, host: str, port: int = PORT) -> str:
    """The same, the first time that it is something; "" for nothing in a while."""
    end = time.monotonic() + SOON_S
    while not (said := get(cluster, box, host, port)) and time.monotonic() < end:
        time.sleep(0.1)
    return said


def resolve(cluster: Cluster, box: Box, name: str) -> str:
    """The first IPv4 address that the pod's resolver has for the name; "" for none."""
    said = sh(cluster, box, f"nslookup -type=a {name}")
    answer = said.partition("\nName:")[2]
    return next((line.split()[1] for line in answer.splitlines() if "Address:" in line), "")


def serve(
    cluster: Cluster, name: str, labels: Mapping[str, str], namespace: str = "default"
) -> None:
    """A Service before the boxes with these labels: 80 for httpd, and the echo."""
    ports = [
        {"name": "http", "port": 80, "targetPort": PORT},
        {"name": "echo", "port": ECHO, "targetPort": ECHO},
    ]
    cluster.apply(service(name, selector=dict(labels), ports=ports))


def service(name: str, **spec: Any) -> dict[str, Any]:
    """A Service's manifest."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def sh(cluster: Cluster, box: Box, text: str) -> str:
    """What a shell in it prints; "" if it fails."""
    where = ("--namespace", box.namespace, box.name)
    try:
        return cluster.kubectl("exec", *where, "--", "sh", "-c", text)
    except CommandFailed:
        return ""


def _manifest(box: Box) -> dict[str, Any]:
    container = {
        "name": "box",
        "image": BOX,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", SERVE],
        "readinessProbe": PROBE,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": box.name, "namespace": box.namespace, "labels": box.labels},
        "spec": {
            **({"nodeName": box.node} if box.node else {}),
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }
