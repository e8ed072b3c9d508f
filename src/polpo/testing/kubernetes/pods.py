"""Deployments and Services come true, as far as one program as all containers goes.

Each pod is the program in a network namespace of its own, with an address on a bridge; the rest of
its container (environment, a Secret's files) is as the Deployment says. This is no kubelet: it is
for suites that ask applications, not for what Kubernetes does with them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polpo.testing.kubernetes.logs import PORT, Logs

BRIDGE, NODE = "pods", "here"
NETWORK = "10.77.0"
LOOK_S = 0.3
Json = dict[str, Any]


class Pods:
    """`kubectl` is the command and its options. Only in a network namespace of one's own."""

    def __init__(self, kubectl: list[str], program: Path, folder: Path) -> None:
        self._kubectl, self._program, self._folder = kubectl, program, folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._addresses: dict[str, str] = {}
        self._sliced: dict[str, Json] = {}
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        self._logs = Logs(f"{NETWORK}.1")
        self._node()

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.look()
            time.sleep(LOOK_S)

    def look(self) -> None:
        """Once."""
        deployments = self._get("deployments")
        for deployment in deployments:
            for number in range(deployment["spec"].get("replicas", 1)):
                self._pod(deployment, number)
        services = [s for s in self._get("services") if s["spec"].get("selector")]
        wanted = [piece for service in services for piece in self._slices(service, deployments)]
        due = [one for one in wanted if self._sliced.get(one["metadata"]["name"]) != one]
        self._apply(due)
        self._sliced |= {one["metadata"]["name"]: one for one in due}

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._logs.end()

    def _node(self) -> None:
        """All pods' own: whom the API server asks what they have said."""
        self._apply([{"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}])
        status = {
            "addresses": [{"type": "InternalIP", "address": f"{NETWORK}.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
        }
        self._patch(["node", NODE], status)

    def _pod(self, deployment: Json, number: int) -> None:
        meta, template = deployment["metadata"], deployment["spec"]["template"]
        name = f"{meta['name']}-process-{number}"
        if f"{meta['namespace']}/{name}" in self._addresses:
            return
        address = f"{NETWORK}.{len(self._addresses) + 10}"
        self._addresses[f"{meta['namespace']}/{name}"] = address
        container = template["spec"]["containers"][0]
        if "echo" in container["image"]:
            space = f"pod{len(self._addresses)}"
            _namespace(space, address)
            environment = self._environment(meta["namespace"], name, template["spec"])
            command = ["ip", "netns", "exec", space, str(self._program)]
            process = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self._processes[name] = process
            self._logs.keep(f"{meta['namespace']}/{name}", process)
        self._tell(meta["namespace"], name, template, address)

    def _environment(self, namespace: str, name: str, spec: Json) -> dict[str, str]:
        found = {"POD_NAME": name, "NAMESPACE": namespace}
        folder = self._folder / f"{namespace}-{name}"
        for volume in spec.get("volumes", []):
            self._files(namespace, volume.get("secret", {}), folder)
        for one in spec["containers"][0].get("env", []):
            if "value" in one:
                found[one["name"]] = one["value"].replace("/etc/secret-volume", str(folder))
        return found

    def _files(self, namespace: str, secret: Json, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if secret:
            data = self._kubectl_json("get", "secret", "-n", namespace, secret["secretName"])
            for item in secret["items"]:
                content = base64.b64decode(data["data"][item["key"]])
                (folder / item["path"]).write_bytes(content)

    def _tell(self, namespace: str, name: str, template: Json, address: str) -> None:
        container = template["spec"]["containers"][0]
        kept = {"name": container["name"], "image": container["image"]}
        labels = template["metadata"]["labels"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"containers": [kept], "nodeName": NODE},
        }
        self._apply([pod])
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        status |= {"conditions": [ready]}
        self._patch(["pod", "-n", namespace, name], status)

    def _patch(self, what: list[str], status: Json) -> None:
        patch = ["--subresource=status", "--type=merge", "-p", json.dumps({"status": status})]
        _run(*self._kubectl, "patch", *what, *patch)

    def _slices(self, service: Json, deployments: list[Json]) -> Iterable[Json]:
        meta, wanted = service["metadata"], service["spec"]["selector"].items()
        addresses = []
        for deployment in deployments:
            labels = deployment["spec"]["template"]["metadata"]["labels"].items()
            if deployment["metadata"]["namespace"] == meta["namespace"] and wanted <= labels:
                start = f"{meta['namespace']}/{deployment['metadata']['name']}-process-"
                count = deployment["spec"].get("replicas", 1)
                addresses += [self._addresses[f"{start}{number}"] for number in range(count)]
        ports = [
            {
                "name": port.get("name", ""),
                "port": port.get("targetPort", port["port"]),
                "protocol": port["protocol"],
                "appProtocol": port.get("appProtocol"),
            }
            for port in service["spec"]["ports"]
        ]
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "addressType": "IPv4",
            "metadata": {
                "name": f"{meta['name']}-{meta['namespace'][-20:]}",
                "namespace": meta["namespace"],
                "labels": {"kubernetes.io/service-name": meta["name"]},
            },
            "endpoints": [{"addresses": [one], "conditions": {"ready": True}} for one in addresses],
            "ports": ports,
        }

    def _get(self, kind: str) -> list[Json]:
        items: list[Json] = self._kubectl_json("get", kind, "-A")["items"]
        return items

    def _kubectl_json(self, *words: str) -> Json:
        done = subprocess.run(
            [*self._kubectl, *words, "-o", "json"], capture_output=True, check=True
        )
        found: Json = json.loads(done.stdout)
        return found

    def _apply(self, objects: list[Json]) -> None:
        if objects:
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
            command = [*self._kubectl, "apply", "--server-side", "-f", "-"]
            subprocess.run(command, input=text.encode(), capture_output=True, check=True)


def _namespace(name: str, address: str) -> None:
    _run("ip", "netns", "add", name)
    _run("ip", "link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    _run("ip", "link", "set", f"v{name}", "master", BRIDGE, "up")
    _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    _run("ip", "-n", name, "link", "set", "eth0", "up")
    _run("ip", "-n", name, "link", "set", "lo", "up")
    _run("ip", "-n", name, "route", "add", "default", "via", f"{NETWORK}.1")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
