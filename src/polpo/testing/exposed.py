"""Services of type LoadBalancer with real packets and without kubelet: the lab's three hosts, the
real API server, `polpo cloud-controller`, and pods that are a network's ports in namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from polpo.lab import probes
from polpo.lab.command import attempt, run
from polpo.lab.kubernetes.certificates import Pair
from polpo.lab.kubernetes.kubeconfig import kubeconfig
from polpo.lab.kubernetes.network import ensure_network
from polpo.testing.kubernetes.objects import Object, endpoints
from polpo.testing.kubernetes.real import RealApiServer, program
from polpo.testing.lab import Guest, LabCloud

SERVER = (sys.executable, "-m", "polpo.lab.server")
ECHO = (sys.executable, "-m", "polpo.testing.balanced", "echo")
PORT, ECHO_PORT = 8080, 5353
PATIENCE_S = 40.0

T = TypeVar("T")


class Exposed:
    """`pods` by name. The world is the namespace that asks."""

    def __init__(self, cloud: LabCloud, api: RealApiServer, folder: Path, kubectl: Path) -> None:
        self.cloud, self._api, self._kubectl = cloud, api, kubectl
        self.world, self.session = cloud.lab.outside, cloud.user.session
        self._log = folder / "cloud-controller.log"
        (external,) = self.session.network("GET", "/networks", name="outside")["networks"]
        ensure_network(self.session, cloud.lab, external["id"])
        (network,) = self.session.network("GET", "/networks", name="pods")["networks"]
        group = cloud.user.open_group("open")
        self.pods = {
            name: self._pod(name, host, network["id"], group)
            for name, host in (("one", "h1"), ("two", "h2"))
        }
        cloud.converge()
        self.kubeconfig = folder / "kubeconfig"
        certificate, key, authority = api.files
        who = Pair(Path(certificate), Path(key))
        self.kubeconfig.write_text(kubeconfig(api.cluster.server, Path(authority), who))
        self._process: subprocess.Popen[bytes] | None = None

    def _pod(self, name: str, host: str, network: str, group: str) -> Guest:
        guest = self.cloud.plug(self.cloud.user, name, host, network, security_groups=[group])
        self.cloud.serve(guest, *SERVER, name, str(PORT))
        self.cloud.serve(guest, *ECHO, str(ECHO_PORT), name)
        self.until(lambda: probes.answers(guest.netns, PORT), f"{name} serves")
        return guest

    def start(self) -> None:
        """`polpo cloud-controller`, in a process of its own."""
        words = ("--cluster", "lab", "--kubeconfig", str(self.kubeconfig), "--cloud", "polpo")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "polpo.cli.main", "cloud-controller", *words],
                env=os.environ | {"OS_CLIENT_CONFIG_FILE": str(self.cloud.lab.clouds)},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return run(str(self._kubectl), f"--kubeconfig={self.kubeconfig}", *words, stdin=stdin)

    def apply(self, *objects: Object) -> None:
        body = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def slices(self, service: str, ports: str, *names: str) -> list[Object]:
        """EndpointSlices of these pods, one of each family."""
        found = []
        for family in (4, 6):
            addresses = [self.pods[name].address(family) for name in names or self.pods]
            found.append(
                endpoints(f"{service}-{family}", service, ports=ports, addresses=addresses)
            )
        return found

    def addresses(self, service: str) -> list[str]:
        """By which the Service says that it is asked."""
        status = json.loads(self.kubectl("get", "service", service, "-o", "json"))["status"]
        return [str(one.get("ip", "")) for one in status["loadBalancer"].get("ingress", ())]

    def shown(self, service: str) -> list[str]:
        return self.until(lambda: self.addresses(service), f"{service} has an address")

    def ask(self, address: str, port: int = 80) -> str | None:
        """What the world hears there: a pod's name, and whom it saw; None for anything else."""
        text = probes.get(self.world, address, port, patience_s=1).text
        return text if text and " to " in text.partition("\n")[0] else None

    def hears(self, address: str, port: int = 80) -> str:
        """Its first answer: members take turns, so one request more would be another's."""
        return self.until(lambda: self.ask(address, port), f"{address}:{port} answers")

    def datagram(self, address: str, port: int) -> Any:
        """What a datagram is answered with; None if with nothing."""
        enter = ("nsenter", f"--net=/run/netns/{self.world}", "--")
        words = (sys.executable, "-m", "polpo.testing.balanced", "datagram", address, str(port))
        failed, said = attempt(*enter, *words)
        return None if failed else json.loads(said)

    def remove(self, service: str) -> None:
        """Returns when it is gone, and so is all that it had."""
        self.kubectl("delete", "service", service)

    def balancers(self) -> list[Any]:
        """Of Services."""
        found = self.session.load_balancer("GET", "/lbaas/loadbalancers")["loadbalancers"]
        return [one for one in found if one["name"].startswith("kube_service_")]

    def until(self, true: Callable[[], T | None], what: str) -> T:
        """What it has become."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := true()):
            if time.monotonic() > deadline:
                log = self._log.read_text()[-2000:] if self._log.exists() else ""
                raise AssertionError(f"not so in {PATIENCE_S:.0f} s: {what}\n{log}")
            time.sleep(0.02)
        return found


@contextlib.contextmanager
def exposed(folder: Path, prefix: str, subnet: str) -> Iterator[Exposed | None]:
    """None where Kubernetes' programs are not to be had."""
    apiserver, kubectl = program("kube-apiserver"), program("kubectl")
    if apiserver is None or kubectl is None:
        yield None
        return
    own = folder / "kubernetes"
    own.mkdir()
    cloud, api = LabCloud(folder / "lab", prefix, subnet, "h2", "h3"), RealApiServer(own, apiserver)
    scene = None
    try:
        cloud.up()
        api.start()
        scene = Exposed(cloud, api, folder, kubectl)
        scene.start()
        yield scene
    finally:
        with contextlib.ExitStack() as leaving:  # whatever becomes of the others
            leaving.callback(cloud.down)
            leaving.callback(api.end)
            if scene is not None:
                leaving.callback(scene.kill)
