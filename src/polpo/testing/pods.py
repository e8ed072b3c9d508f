"""Pods for tests: namespaces that the CNI plugin is called for, as a container runtime does."""

import json
import os
import subprocess
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from polpo.cni.install import conflist, install
from polpo.lab.command import attempt, inside, run
from polpo.lab.layout import LabHost
from polpo.testing.lab import LabCloud
from polpo.testing.waiting import until

POOL = 8
"""So many ports of a host are ready for pods, at least, when a cluster is made."""


def make_cluster(cloud: LabCloud, name: str, *hosts: str, **more: Any) -> str:
    """Its network, of pods that everybody may reach: the id. Ports wait on the hosts then."""
    user = cloud.user
    network = str(user.network("pods", "10.100.0.0/16", "fd00:100::/64")["id"])
    router = user.make("router", name="pods")["id"]
    user.join_network(router, network)
    body = {"name": name, "network_id": network, "router_id": router}
    body |= {"security_group_ids": [user.open_group("pods")], **more}
    user.session.hosts("POST", "/clusters", {"cluster": body})
    for host in hosts:
        until(partial(_ports_wait, cloud, network, host), f"ports wait on {host}")
    cloud.converge()
    return network


def ports_of(cloud: LabCloud, network: str, host: str) -> list[Any]:
    """What the API says of a host's ports for pods."""
    query = {"network_id": network, "binding:host_id": host}
    return list(cloud.admin.session.network("GET", "/ports", **query)["ports"])


def _ports_wait(cloud: LabCloud, network: str, host: str) -> bool:
    return sum(not port["device_id"] for port in ports_of(cloud, network, host)) >= POOL


class Runtime:
    """One host's: `call` runs the installed plugin; what it says is JSON, or nothing."""

    def __init__(self, host: LabHost, cluster: str, folder: Path) -> None:
        self.host, self.cluster, self._bin = host, cluster, folder / host.name / "bin"
        install(self._bin, folder / host.name / "conf", cluster, host.cni_socket)

    @property
    def plugin(self) -> Path:
        return self._bin / "polpo"

    def start(
        self, command: str, pod: "Pod | None" = None, **config: Any
    ) -> "subprocess.Popen[str]":
        plugin: dict[str, Any] = conflist(self.cluster)["plugins"][0]  # type: ignore[index]
        text = json.dumps({"cniVersion": "1.0.0", "name": "polpo"} | plugin | config)
        environment = {"CNI_COMMAND": command, "CNI_PATH": str(self._bin)}
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [str(self.plugin)],
            stdin=pipe,
            stdout=pipe,
            env=os.environ | environment | (pod.environment if pod else {}),
            text=True,
        )
        assert process.stdin
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process

    def call(self, command: str, pod: "Pod | None" = None, **config: Any) -> Any:
        """The same, and what it said."""
        return finished(self.start(command, pod, **config))

    def add(self, pod: "Pod", **config: Any) -> Any:
        """The result; a failure is the test's."""
        result = self.call("ADD", pod, **config)
        assert result is not None
        assert "code" not in result, result
        return result

    def delete(self, pod: "Pod") -> None:
        assert self.call("DEL", pod) is None


def finished(process: "subprocess.Popen[str]") -> Any:
    """What it printed; an exit code that does not fit is an error."""
    said, _ = process.communicate(timeout=60)
    answer = json.loads(said) if said.strip() else None
    failed = isinstance(answer, dict) and "code" in answer
    assert (process.returncode != 0) == failed, said
    return answer


class Pod:
    """A sandbox: a namespace of its own, named as container runtimes do, and an id."""

    def __init__(self, prefix: str, name: str) -> None:
        self.sandbox = uuid.uuid4().hex
        self.name, self.netns = name, f"{prefix}-cni-{self.sandbox[:8]}"
        run("ip", "netns", "add", self.netns)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CNI_CONTAINERID": self.sandbox,
            "CNI_NETNS": f"/var/run/netns/{self.netns}",
            "CNI_IFNAME": "eth0",
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={self.name}",
        }

    def run(self, *words: str) -> str:
        return run(*inside(self.netns, *words))

    def pings(self, address: str, *options: str) -> bool:
        words = ("ping", "-n", "-c", "1", "-W", "2", *options, address)
        return attempt(*inside(self.netns, *words))[0] == 0

    def reaches(self, address: str) -> bool:
        """The same where one packet has to be answered: a busy machine takes its time."""
        return self.pings(address, "-W", "20")

    def end(self) -> None:
        """The namespace goes, as when its last process has ended."""
        attempt("ip", "netns", "delete", self.netns)


def addresses(result: Any) -> list[str]:
    return [str(ip["address"]).partition("/")[0] for ip in result["ips"]]
