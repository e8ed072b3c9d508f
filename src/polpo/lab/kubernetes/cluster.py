"""From nothing, or what an earlier run left, to a cluster of which all nodes are Ready."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from polpo.lab.command import attempt, inside, run
from polpo.lab.kubernetes import node as nodes
from polpo.lab.kubernetes import sysctls
from polpo.lab.kubernetes.control import Control
from polpo.lab.kubernetes.delivery import Delivery
from polpo.lab.kubernetes.layout import (
    CLUSTER,
    DNS_SERVICE,
    DOMAIN,
    Front,
    Kubernetes,
    Master,
)
from polpo.lab.kubernetes.programs import Programs
from polpo.lab.running import LabFailed, Running
from polpo.manifests import Values, render

READY_S = 90.0
PATIENCE_S = 60.0

Step = Callable[[str], AbstractContextManager[None]]


class Cluster:
    """`kubectl` speaks as the cluster's admin; `running` are the lab's programs."""

    def __init__(self, running: Running, programs: Programs, front: Front | None = None) -> None:
        self.at, self._programs = Kubernetes(running.lab, front), programs
        self.running = running
        self._control = Control(self.at, programs)
        self._delivery = Delivery(self.at, programs, running)

    def build(self, step: Step) -> None:
        with step("etcd, kube-apiserver, containerd, polpo's image"):
            self._start_api()
        with step("kube-controller-manager, kube-scheduler, kubelet"):
            self.running.start("kube-controller-manager", self._control.controller_manager())
            self.running.start("kube-scheduler", self._control.scheduler())
            sysctls.keep(self.at)
            for node in self.at.nodes:
                self.running.start(f"kubelet-{node.name}", nodes.kubelet(node, self._programs))
        with step(f"{len(self.at.nodes)} nodes Ready"):
            self.running.until(self._all_ready, "kube-controller-manager", READY_S)

    @property
    def image(self) -> str:
        """polpo's, as it is now: nodes have it."""
        return self._delivery.polpo

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """What it printed. Raises CommandFailed."""
        who = f"--kubeconfig={self.at.kubeconfig}"
        return run(self._programs["kubectl"], who, *words, stdin=stdin, timeout_s=timeout_s)

    def start_in(self, pod: str, text: str) -> subprocess.Popen[str]:
        """A shell in the pod, of the namespace default, that goes on meanwhile."""
        kubectl = (self._programs["kubectl"], f"--kubeconfig={self.at.kubeconfig}")
        words = (*kubectl, "exec", pod, "--", "sh", "-c", text)
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def apply(self, *objects: dict[str, Any], anew: bool = False) -> None:
        """`anew`: what cannot be changed into these is made anew."""
        body = {"apiVersion": "v1", "kind": "List", "items": objects}
        force = ("--force",) if anew else ()
        self.kubectl("apply", *force, "-f", "-", stdin=json.dumps(body))

    def deploy(self, manifest: str) -> None:
        """One of deploy/kubernetes, as `polpo cluster manifest` prints it."""
        values = Values(
            cluster=CLUSTER,
            image=self._delivery.polpo,
            api_host=self.at.api_host,
            dns_address=DNS_SERVICE,
            domain=DOMAIN,
        )
        self.kubectl("apply", "-f", "-", stdin=render(manifest, values))

    def show(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", "-o", "json", *words))

    def until(self, true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """`what` is to be true, in words. Raises LabFailed."""
        deadline = time.monotonic() + patience_s
        while not true():
            if time.monotonic() > deadline:
                raise LabFailed(f"after {patience_s:.0f} s it is not yet so that {what}")
            time.sleep(0.1)

    def until_available(self, deployment: str, namespace: str = "kube-system") -> None:
        """All its replicas are."""
        self.kubectl(
            *("--namespace", namespace, "rollout", "status", f"deployment/{deployment}"),
            f"--timeout={PATIENCE_S:.0f}s",
            timeout_s=PATIENCE_S + 5,
        )

    def kill(self, label: str, namespace: str = "kube-system") -> int:
        """kill -9 of the first process of each container of the pods with the label; how many."""
        found = self.processes(label, namespace)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)

    def processes(self, label: str, namespace: str) -> list[int]:
        """The first one of each container of the pods with the label."""
        pods = self.show("--namespace", namespace, "pods", "--selector", label)["items"]
        statuses = [s for pod in pods for s in pod["status"].get("containerStatuses", ())]
        ids = {str(s["containerID"]).rpartition("/")[2] for s in statuses if "containerID" in s}
        tasks = [task for node in self.at.nodes for task in nodes.tasks(node, self._programs)]
        return [pid for id, pid in tasks if id in ids]

    def pem(self, secret: str) -> str:
        """Certificate and key of a TLS secret."""
        data = self.show("secret", secret)["data"]
        return "".join(base64.b64decode(data[file]).decode() for file in ("tls.crt", "tls.key"))

    def start_master(self, master: Master) -> None:
        """What of it does not run."""
        self.running.start(master.process("etcd"), self._control.etcd(master))
        self.running.start(master.process("kube-apiserver"), self._control.api_server(master))

    def kill_master(self, master: Master) -> None:
        """-9, both."""
        for program in ("kube-apiserver", "etcd"):
            self.running.processes.kill(master.process(program))

    def is_ready(self, master: Master) -> bool:
        """By its own word, asked where it is."""
        url = f"https://{master.address}:6443/readyz"
        words = ("curl", "--silent", "--insecure", "--fail", "--max-time", "5", url)
        return attempt(*inside(master.netns, *words))[0] == 0

    def _start_api(self) -> None:
        """Images are made and imported while it starts."""
        self.running.start("egress", self._control.egress())
        for master in self.at.masters:
            self.start_master(master)
        for node in self.at.nodes:
            nodes.write_files(node, self._control, self._programs)
            self.running.start(f"containerd-{node.name}", nodes.containerd(node, self._programs))
        self._delivery.begin()
        self.running.until(self._answers, self.at.masters[0].process("kube-apiserver"), READY_S)
        self._delivery.finish()

    def _answers(self) -> bool:
        kubectl = (self._programs["kubectl"], f"--kubeconfig={self.at.kubeconfig}")
        return attempt(*kubectl, "get", "--raw", "/readyz")[0] == 0

    def _all_ready(self) -> bool:
        """Pods need a service account, too, which the controller manager makes."""
        found = {n["metadata"]["name"]: n for n in self.show("nodes")["items"]}
        ready = all(_is_ready(found.get(node.name)) for node in self.at.nodes)
        return ready and bool(self.show("serviceaccounts")["items"])


def _is_ready(node: Any) -> bool:
    conditions = node["status"].get("conditions", ()) if node else ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
