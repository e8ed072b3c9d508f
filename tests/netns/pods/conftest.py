"""A cluster's network over three hosts; pods on h1 and h2, started as a container runtime does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.lab.running import Running
from polpo.testing.lab import LabCloud
from polpo.testing.pods import Pod, Runtime, make_cluster, ports_of

PREFIX, CLUSTER = "pt-pd", "k8s"


class Scene:
    def __init__(self, cloud: LabCloud, folder: Path) -> None:
        self.cloud, self.running = cloud, Running(cloud.lab)
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
