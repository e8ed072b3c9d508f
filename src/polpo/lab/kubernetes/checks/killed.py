"""kill -9 of each of polpo's programs, while a connection goes through a Service."""

import subprocess
import time
from collections.abc import Iterator

from polpo.lab.checks import Check
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.checks.services import FULL_NAME
from polpo.lab.kubernetes.cluster import Cluster

LINES, EVERY_US = 500, 10_000
SPEAK = f"i=0; while [ $i -lt {LINES} ]; do echo $i; i=$((i+1)); usleep {EVERY_US}; done; sleep 1"
PATIENCE_S = 120.0
PODS = {
    "app.kubernetes.io/name=polpo-services": "polpo-services",
    "app.kubernetes.io/name=polpo-policy": "polpo-policy",
    "app.kubernetes.io/name=polpo-cloud-controller": "polpo-cloud-controller",
    "k8s-app=kube-dns": "coredns",
}


def prove(cluster: Cluster) -> Iterator[Check]:
    """What was killed is back in the end, and DNS answers."""
    box = boxes.usual(cluster)[0]
    address = ""

    def answers() -> bool:
        nonlocal address
        address = boxes.resolve(cluster, box, FULL_NAME)
        return bool(address)

    cluster.until(answers, "DNS answers")
    speaking = cluster.start_in(box.name, f"({SPEAK}) | nc {address} {boxes.ECHO} | wc -l")
    time.sleep(1)
    killed = sum(cluster.kill(label) for label in PODS) + _kill_processes(cluster)
    heard = _heard(speaking)
    _restore(cluster)
    cluster.until(lambda: boxes.resolve(cluster, box, FULL_NAME) == address, "DNS answers again")
    passed = heard == str(LINES)
    what = "Kubernetes: polpo's programs killed with -9, a connection lives on"
    yield Check(what, passed, f"{killed} killed; {heard} of {LINES} lines echoed")


def _heard(speaking: subprocess.Popen[str]) -> str:
    """How many lines came back; "" if it hangs."""
    try:
        return speaking.communicate(timeout=PATIENCE_S)[0].strip()
    except subprocess.TimeoutExpired:
        speaking.kill()
        speaking.communicate()
        return ""


def _kill_processes(cluster: Cluster) -> int:
    names = ["controller", *(f"agent-{node.name}" for node in cluster.at.nodes)]
    for name in names:
        cluster.running.processes.kill(name)
    return len(names)


def _restore(cluster: Cluster) -> None:
    running = cluster.running
    running.start_controller()
    for node in cluster.at.nodes:
        running.start_agent(node.host)
        running.await_agent(node.host)
    running.await_converged()
    for deployment in PODS.values():
        cluster.until_available(deployment)
