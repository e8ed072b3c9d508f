"""A cluster's network over three hosts; pods on h1 and h2, started as a container runtime does."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from polpo.lab.running import Running
from polpo.testing.lab import LabCloud
from polpo.testing.pods import Pod, Runtime
from polpo.testing.waiting import until

PREFIX, CLUSTER = "pt-pd", "k8s"


class Scene:
    def __init__(self, cloud: LabCloud, folder: Path) -> None:
        self.cloud, self.running = cloud, Running(cloud.lab)
        self._folder, self._pods = folder, list[Pod]()
        user = cloud.user
        group = user.make("security_group", name="pods")["id"]
        for family in ("IPv4", "IPv6"):
            rule = {"security_group_id": group, "direction": "ingress", "ethertype": family}
            user.make("security_group_rule", **rule)
        self.network = user.network("pods", "10.100.0.0/16", "fd00:100::/64")["id"]
        router = user.make("router", name="pods")["id"]
        user.join_network(router, self.network)
        body = {"name": CLUSTER, "network_id": self.network, "router_id": router}
        cluster = body | {"security_group_ids": [group]}
        user.session.hosts("POST", "/clusters", {"cluster": cluster})
        self.h1, self.h2 = (Runtime(self.running.host(h), CLUSTER, folder) for h in ("h1", "h2"))
        for host in ("h1", "h2"):
            until(partial(self.has_waiting, host), f"ports wait on {host}")
        cloud.converge()

    def pod(self, name: str = "web") -> Pod:
        self._pods.append(Pod(PREFIX, name))
        return self._pods[-1]

    def ports(self, host: str) -> list[Any]:
        """What the API says of a host's ports for pods."""
        query = {"network_id": self.network, "binding:host_id": host}
        return list(self.cloud.admin.session.network("GET", "/ports", **query)["ports"])

    def waiting(self, host: str) -> list[Any]:
        return [port for port in self.ports(host) if not port["device_id"]]

    def has_waiting(self, host: str) -> bool:
        return len(self.waiting(host)) >= 8

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
