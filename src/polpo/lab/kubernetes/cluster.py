"""From nothing, or what an earlier run left, to a cluster of which all nodes are Ready."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from polpo.lab.command import attempt, inside, run
from polpo.lab.kubernetes import node as nodes
from polpo.lab.kubernetes import sysctls
from polpo.lab.kubernetes.control import Control
from polpo.lab.kubernetes.image import BOX, write_images
from polpo.lab.kubernetes.layout import Kubernetes, Node
from polpo.lab.kubernetes.programs import Programs
from polpo.lab.running import LabFailed, Running

READY_S = 90.0
PATIENCE_S = 60.0

Step = Callable[[str], AbstractContextManager[None]]


class Cluster:
    """`kubectl` speaks as the cluster's admin; `running` are the lab's programs."""

    def __init__(self, running: Running, programs: Programs) -> None:
        self.at, self._programs = Kubernetes(running.lab), programs
        self.running = running
        self._control = Control(self.at, programs)

    def build(self, step: Step) -> None:
        with step("etcd, kube-apiserver"):
            self._start_api()
        with step("kube-controller-manager, kube-scheduler, containerd, kubelet"):
            self.running.start("kube-controller-manager", self._control.controller_manager())
            self.running.start("kube-scheduler", self._control.scheduler())
            sysctls.keep(self.at)
            self._start_nodes()
        with step(f"{len(self.at.nodes)} nodes Ready"):
            self.running.until(self._all_ready, "kube-controller-manager", READY_S)

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """What it printed. Raises CommandFailed."""
        who = f"--kubeconfig={self.at.kubeconfig}"
        return run(self._programs["kubectl"], who, *words, stdin=stdin, timeout_s=timeout_s)

    def apply(self, *objects: dict[str, Any]) -> None:
        body = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

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

    def _start_api(self) -> None:
        self.running.start("etcd", self._control.etcd())
        self.running.start("kube-apiserver", self._control.api_server())
        self.running.until(self._answers, "kube-apiserver", READY_S)

    def _answers(self) -> bool:
        kubectl = (self._programs["kubectl"], f"--kubeconfig={self.at.kubeconfig}")
        return attempt(*kubectl, "get", "--raw", "/readyz")[0] == 0

    def _start_nodes(self) -> None:
        images = self.at.folder / "images.tar"
        if not images.exists():
            write_images(images, self._programs["busybox"])
        for node in self.at.nodes:
            nodes.write_files(node, self._control, self._programs)
            self.running.start(f"containerd-{node.name}", nodes.containerd(node, self._programs))
        for node in self.at.nodes:
            name = f"containerd-{node.name}"
            self.running.until(lambda node=node: self._has_images(node), name)  # type: ignore[misc]
            self.running.start(f"kubelet-{node.name}", nodes.kubelet(node, self._programs))

    def _has_images(self, node: Node) -> bool:
        """Imports what is not there."""
        ctr = (self._programs["ctr"], "--address", str(node.socket), "--namespace", "k8s.io")
        code, said = attempt(*ctr, "images", "list", "--quiet")
        if code != 0 or BOX in said:
            return code == 0
        images = str(self.at.folder / "images.tar")
        return attempt(*inside(node.host.netns, *ctr, "images", "import", images))[0] == 0

    def _all_ready(self) -> bool:
        """Pods need a service account, too, which the controller manager makes."""
        found = {n["metadata"]["name"]: n for n in self.show("nodes")["items"]}
        ready = all(_is_ready(found.get(node.name)) for node in self.at.nodes)
        return ready and bool(self.show("serviceaccounts")["items"])


def _is_ready(node: Any) -> bool:
    conditions = node["status"].get("conditions", ()) if node else ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
