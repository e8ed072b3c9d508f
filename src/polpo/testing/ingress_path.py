"""The path from a client to a pod by `polpo ingress`, and the same by HAProxys that somebody has
configured by hand, in the lab's cluster: load balancer, Ingress controller, application.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from polpo.lab import outside
from polpo.lab.command import run
from polpo.lab.down import take_down
from polpo.lab.kubernetes.checks.ingress import BALANCER_ID, NAMESPACE
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.image import POLPO
from polpo.lab.layout import Lab
from polpo.lab.up import Builder

PLAIN, SECURE = "plain.example.com", "secure.example.com"
DEFAULTS = """
global
  nbthread {threads}
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""
APPLICATION = """
frontend application
  mode http
  bind :8080
  http-request return status 200 content-type text/plain string {name}
"""
CONTROLLER = """
frontend web
  mode http
  bind :8080 accept-proxy
  bind :8443 accept-proxy ssl crt /files/pem alpn h2,http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  use_backend cafe if {{ hdr(host) -i {plain} {secure} }} {{ path_beg / }}
backend cafe
  mode http
  server one {to}:8080
"""
BALANCER = """
listen http
  mode tcp
  bind :80
  server one {to}:8080 send-proxy-v2
listen https
  mode tcp
  bind :443
  server one {to}:8443 send-proxy-v2
"""


CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""As in our controller's manifest: who runs one by hand would not run it with less."""
REQUESTS = {"cpu": "100m", "memory": "128Mi"}
"""The same. Who has no share of the processor promised works in larger batches on a machine whose
processors are all busy, and with less of their time: a fifth less at the controller.
"""
GROUPS = tuple(
    pathlib.Path("/sys/fs/cgroup", name) for name in ("cpu/cgroup.procs", "cgroup.procs")
)
"""Of processes that share processors with the host's own: in cgroups' version 1, and 2."""
GUARDED = {"securityContext": CONFINED, "resources": {"requests": REQUESTS}}


class Way(msgspec.Struct, frozen=True):
    """Where clients begin."""

    name: str
    address: str


class Path:
    """`node` has all pods but the load balancers': ours, by its active instance, is on the other
    worker, and so is the one by hand: no way is shorter because its parts are neighbours.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.lab = cluster, cluster.at.lab
        self._admin = cluster.running.admin
        shown = cluster.show("--namespace", NAMESPACE, "service", NAMESPACE)
        self._balancer = str(shown["metadata"]["annotations"][BALANCER_ID])
        self.other = self._active_worker()
        self.node = next(node.name for node in cluster.at.nodes if node.name != self.other)
        self.ours = Way("ours", str(shown["status"]["loadBalancer"]["ingress"][0]["ip"]))

    def active(self) -> str:
        """The host of the load balancer's active instance."""
        return next(str(a["compute_id"]) for a in self._instances() if a["role"] == "MASTER")

    def _instances(self) -> list[Any]:
        path = "/octavia/amphorae"
        found = self._admin.load_balancer("GET", path, loadbalancer_id=self._balancer)
        return list(found["amphorae"])

    def _active_worker(self) -> str:
        """The worker with the active instance: of two on three hosts at least one is on one."""
        workers = [node.name for node in self.cluster.at.nodes]
        if self.active() not in workers:
            self._admin.load_balancer("PUT", f"/lbaas/loadbalancers/{self._balancer}/failover")
            self.cluster.until(lambda: self.active() in workers, "the standby has taken over")
        return self.active()

    def serve(
        self,
        name: str,
        text: str,
        threads: int,
        node: str = "",
        confined: bool = False,
        **files: str,
    ) -> str:
        """A pod with an HAProxy of this configuration; its address."""
        data = {"haproxy.cfg": DEFAULTS.format(threads=threads) + text, **files}
        meta = {"name": name, "namespace": "default", "labels": {"app": name}}
        container = {
            "name": "haproxy",
            "image": POLPO,
            "imagePullPolicy": "Never",
            "command": ["haproxy", "-db", "-f", "/files/haproxy.cfg"],
            "volumeMounts": [{"name": "files", "mountPath": "/files"}],
        }
        spec = {
            "nodeName": node or self.node,
            "terminationGracePeriodSeconds": 0,
            # the load balancer's ports are below 1024
            "securityContext": {"runAsUser": 65532 if confined else 0},
            "containers": [container | (GUARDED if confined else {})],
            "volumes": [{"name": "files", "configMap": {"name": name}}],
        }
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        self.cluster.apply(config, pod, anew=True)
        self.cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
        return str(self.cluster.show("pod", name)["status"]["podIP"])

    def by_hand(self, to: str) -> Way:
        """The same path to the application at `to`."""
        pem, text = self.cluster.pem("secure"), CONTROLLER.format(plain=PLAIN, secure=SECURE, to=to)
        controller = self.serve("hand-controller", text, threads=2, confined=True, pem=pem)
        text = BALANCER.format(to=controller)
        self.serve("hand-balancer", text, threads=1, node=self.other)
        self._free("hand-balancer")
        return Way("by hand", self._floating("default/hand-balancer"))

    def _free(self, name: str) -> None:
        """Has a pod compete for processors as the host's own processes do, our load balancer's
        among them: not with what its node's pods leave each other."""
        group = next(file for file in GROUPS if file.exists())
        for pid in self.cluster.processes(f"app={name}", "default"):
            group.write_text(str(pid))

    def _floating(self, port: str) -> str:
        with self.cluster.running.tenant() as session:
            (found,) = session.network("GET", "/ports", name=port)["ports"]
            query: dict[str, Any] = {"router:external": "true"}
            (world,) = session.network("GET", "/networks", **query)["networks"]
            body = {"floating_network_id": world["id"], "port_id": found["id"]}
            made = session.network("POST", "/floatingips", {"floatingip": body})["floatingip"]
        return str(made["floating_ip_address"])

    def settle(self) -> None:
        """Our controller is one pod on the node, as the one by hand is."""
        spec = {"nodeSelector": {"kubernetes.io/hostname": self.node}}
        patch = {"spec": {"replicas": 1, "template": {"spec": spec}}}
        where = ("--namespace", NAMESPACE, "deployment", NAMESPACE)
        self.cluster.kubectl("patch", *where, "--patch", json.dumps(patch))
        self.cluster.until_available(NAMESPACE, NAMESPACE)

    def lead(self, *addresses: str) -> None:
        """Who measures has no namespace, and goes by way of the world."""
        for address in addresses:
            run(*outside.way(self.lab, address))


@contextmanager
def path(lab: Lab) -> Iterator[Path | None]:
    """None where Kubernetes' programs are not to be had."""
    builder = Builder(lab, print)
    try:
        builder.build()
        builder.build_kubernetes()
        yield Path(builder.cluster) if builder.cluster else None
    finally:
        take_down(lab, print)
