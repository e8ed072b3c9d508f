"""A cluster's network over three hosts; pods on h1 and h2, started as a container runtime does."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.cni.install import conflist
from polpo.lab.command import attempt, inside, run
from polpo.testing.lab import LabCloud
from polpo.testing.pods import Pod, Runtime, make_cluster, ports_of

PREFIX, CLUSTER = "pt-pd", "k8s"
BUILD = Path(__file__).parents[3] / "tools" / "cni" / "programs"
DEBIAN = "/usr/lib/cni"
NAME = "chain"


class Scene:
    def __init__(self, cloud: LabCloud, folder: Path) -> None:
        self.cloud, self.running = cloud, cloud.running
        self._folder, self._pods = folder, list[Pod]()
        self.network = make_cluster(cloud, CLUSTER, "h1", "h2")
        self.h1, self.h2 = (Runtime(self.running.host(h), CLUSTER, folder) for h in ("h1", "h2"))

    def pod(self, name: str = "web") -> Pod:
        self._pods.append(Pod(PREFIX, name))
        return self._pods[-1]

    def ports(self, host: str) -> list[Any]:
        return ports_of(self.cloud, self.network, host)

    def waiting(self, host: str) -> list[Any]:
        return [port for port in self.ports(host) if not port["device_id"]]

    def pods(self, host: str) -> dict[str, str]:
        """Sandbox -> name."""
        return {p["device_id"]: p["name"] for p in self.ports(host) if p["device_id"]}

    def kill_agent(self, host: str) -> None:
        self.running.processes.kill(f"agent-{host}")

    def reboot(self, name: str, *pods: Pod) -> None:
        """What is in memory is gone: namespaces, devices, tables, all in /run; the disk is not."""
        host = self.running.host(name)
        self.kill_agent(name)
        for pod in pods:
            pod.end()
        for link in json.loads(run(*inside(host.netns, "ip", "-json", "link"))):
            if link["ifname"].startswith("polpo"):
                attempt(*inside(host.netns, "ip", "link", "delete", link["ifname"]))
        run("umount", str(host.runtime / "bpf"))
        shutil.rmtree(host.runtime)
        self.revive()

    def revive(self) -> None:
        """Whatever was killed or stopped, by a process of its own."""
        self.cloud.build()

    def end(self) -> None:
        for pod in self._pods:
            pod.end()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("pods")
    cloud = LabCloud(folder / "lab", PREFIX, "198.18.81", "h2", "h3", cluster=CLUSTER)
    scene = None
    try:
        cloud.up()
        scene = Scene(cloud, folder)
        yield scene
    finally:
        if scene is not None:
            scene.end()
        cloud.down()


@pytest.fixture(scope="module")
def cnitool() -> str:
    built = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"cnitool can't be built: {built.stderr}")
    return built.stdout.strip()


class Chain:
    """A network of several plugins on h1; it lasts as long as a test."""

    def __init__(self, scene: Scene, cnitool: str, folder: Path) -> None:
        self._scene, self._cnitool, self._folder = scene, cnitool, folder

    def define(self, *others: dict[str, Any], version: str = "1.0.0") -> None:
        ours: dict[str, Any] = conflist(CLUSTER)["plugins"][0]  # type: ignore[index]
        ours = ours | {"capabilities": {}}
        chain = {"cniVersion": version, "name": NAME, "plugins": [ours, *others]}
        (self._folder / "10-chain.conflist").write_text(json.dumps(chain))

    def call(self, command: str, pod: Pod, **capabilities: Any) -> Any:
        """The result, of `add`; a failure is the test's."""
        more = {
            "NETCONFPATH": str(self._folder),
            "CNI_PATH": f"{self._scene.h1.plugin.parent}:{DEBIAN}",
            "CAP_ARGS": json.dumps(capabilities),
            "CNI_ARGS": pod.environment["CNI_ARGS"],
        }
        words = (self._cnitool, command, NAME, f"/var/run/netns/{pod.netns}")
        done = subprocess.run(
            inside(self._scene.h1.host.netns, *words),
            env=os.environ | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def chain(scene: Scene, cnitool: str, tmp_path: Path) -> Chain:
    return Chain(scene, cnitool, tmp_path)
