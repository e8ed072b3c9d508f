"""Masters of a cluster that `polpo cluster create` has made: an etcd and an API server each, in the
namespaces of their ports, behind the API's load balancer.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec

from polpo.client.cluster.making import Made
from polpo.lab.command import attempt, inside
from polpo.lab.kubernetes.certificates import Authority
from polpo.lab.kubernetes.kubeconfig import kubeconfig

ETCD, PEER = 2379, 2380
API_SERVICE = "10.254.0.1"


class Master(msgspec.Struct, frozen=True):
    """`netns`: where its port is plugged in."""

    name: str
    address: str
    netns: str


class Masters:
    def __init__(self, folder: Path, apiserver: Path, made: Made, masters: list[Master]) -> None:
        self._folder, self._apiserver = folder, apiserver
        self.masters = masters
        self.authority = Authority(folder)
        places = [*(one.address for one in masters), *made.names, "127.0.0.1", API_SERVICE]
        self._server = self.authority.issue("kube-apiserver", at=places)
        self._etcd = self.authority.issue("etcd", at=places)
        admin = self.authority.issue("admin", groups=("system:masters",))
        self.kubeconfig = folder / "kubeconfig"
        where = f"https://{made.endpoint}"
        self.kubeconfig.write_text(kubeconfig(where, self.authority.certificate, admin))
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, master: Master) -> None:
        """What of it does not run."""
        self._run(master, "etcd", self._etcd_command(master))
        self._run(master, "kube-apiserver", self._api_command(master))

    def kill(self, master: Master) -> None:
        """-9, both."""
        for what in ("kube-apiserver", "etcd"):
            process = self._running.pop(f"{what}-{master.name}", None)
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def end(self) -> None:
        for master in self.masters:
            self.kill(master)

    def is_ready(self, master: Master) -> bool:
        """By its own word, asked where it is."""
        url = "https://127.0.0.1:6443/readyz"
        words = ("curl", "--silent", "--insecure", "--fail", "--max-time", "5", url)
        return attempt(*inside(master.netns, *words))[0] == 0

    def log(self) -> str:
        return "\n".join(path.read_text()[-500:] for path in self._folder.glob("*.log"))

    def _run(self, master: Master, what: str, command: tuple[str, ...]) -> None:
        name = f"{what}-{master.name}"
        if name in self._running:
            return
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                inside(master.netns, *command), stdout=log, stderr=log, start_new_session=True
            )

    def _etcd_command(self, master: Master) -> tuple[str, ...]:
        peers = ",".join(f"{one.name}=https://{one.address}:{PEER}" for one in self.masters)
        client, peer = (f"https://{master.address}:{port}" for port in (ETCD, PEER))
        return (
            "etcd",
            f"--name={master.name}",
            f"--data-dir={self._folder / master.name}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={peers}",
            "--unsafe-no-fsync",
            *self._of_etcd("", "trusted-ca-file"),
            *self._of_etcd("peer-", "trusted-ca-file"),
        )

    def _of_etcd(self, side: str, authority: str) -> tuple[str, ...]:
        return (
            f"--{side}cert-file={self._etcd.certificate}",
            f"--{side}key-file={self._etcd.key}",
            f"--{side}{authority}={self.authority.certificate}",
            f"--{side}client-cert-auth",
        )

    def _api_command(self, master: Master) -> tuple[str, ...]:
        key = self._server.key
        servers = ",".join(f"https://{one.address}:{ETCD}" for one in self.masters)
        return (
            str(self._apiserver),
            f"--etcd-servers={servers}",
            f"--etcd-cafile={self.authority.certificate}",
            f"--etcd-certfile={self._etcd.certificate}",
            f"--etcd-keyfile={self._etcd.key}",
            "--bind-address=0.0.0.0",
            f"--advertise-address={master.address}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.254.0.0/16",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
        )
