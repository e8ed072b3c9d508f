"""Three masters behind the API's load balancer: `kubectl` outside does not miss any one of them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from polpo.client.cluster.making import Making
from polpo.client.cluster.plan import Plan
from polpo.client.cluster.removing import remove
from polpo.lab.command import attempt, inside
from polpo.testing.exposed import Exposed
from polpo.testing.kubernetes.masters import Master, Masters
from polpo.testing.kubernetes.real import program

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

NAME = "ha"


class Outside:
    """kubectl, in the world."""

    def __init__(self, scene: Exposed, masters: Masters) -> None:
        self._scene, self._masters = scene, masters

    def works(self, *words: str) -> bool:
        return self(*words) == ""

    def creates(self, name: str) -> bool:
        """One that was given up may have been done."""
        said = self("create", "configmap", name)
        return not said or "already exists" in said

    def __call__(self, *words: str) -> str:
        """What it complains of; nothing if it did what it was told."""
        kubectl = (str(program("kubectl")), f"--kubeconfig={self._masters.kubeconfig}")
        command = inside(self._scene.world, *kubectl, "--request-timeout=20s", *words)
        code, said = attempt(*command)
        return said.strip() or "?" if code else ""


@pytest.fixture
def masters(scene: Exposed, tmp_path: Path) -> Iterator[Masters]:
    apiserver = program("kube-apiserver")
    assert apiserver is not None
    made = Making(scene.session, Plan(NAME, masters=3, workers=0)).make()
    found = []
    for name, host in zip(made.nodes, ("h1", "h2", "h3"), strict=True):
        (port,) = scene.session.network("GET", "/ports", name=name)["ports"]
        netns = scene.cloud.lab.netns(name)
        scene.cloud.agent(host).plug(port["id"], netns=netns)
        found.append(Master(name, made.nodes[name], netns))
    scene.cloud.converge()
    masters = Masters(tmp_path, apiserver, made, found)
    yield masters
    masters.end()
    for host, name in zip(("h1", "h2", "h3"), made.nodes, strict=True):
        (port,) = scene.session.network("GET", "/ports", name=name)["ports"]
        scene.cloud.agent(host).unplug(port["id"])
    remove(scene.session, NAME)


def test_kubectl_goes_on_while_any_one_of_three_masters_is_killed(
    scene: Exposed, masters: Masters
) -> None:
    kubectl = Outside(scene, masters)
    for master in masters.masters:
        masters.start(master)
    for master in masters.masters:
        scene.until(partial(masters.is_ready, master), f"{master.name}: {masters.log()}")
    scene.until(lambda: kubectl.works("get", "--raw", "/readyz"), "the balancer leads to them")
    for master in masters.masters:
        masters.kill(master)
        name = f"without-{master.name}"
        scene.until(partial(kubectl.creates, name), "a write is taken: etcd has elected")
        complaints = [kubectl("get", "configmap", name) for _ in range(4)]
        assert not any(complaints), complaints
        masters.start(master)
        scene.until(partial(masters.is_ready, master), f"{master.name} is back")
