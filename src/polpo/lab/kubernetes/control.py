"""The cluster's own programs, beside the lab's controller: their command lines."""

import json
import sys
from pathlib import Path

from polpo.lab.command import inside
from polpo.lab.kubernetes.certificates import Authority, Pair
from polpo.lab.kubernetes.kubeconfig import kubeconfig
from polpo.lab.kubernetes.layout import API_SERVICE, PODS, SERVICES, Kubernetes, Master
from polpo.lab.kubernetes.programs import Programs
from polpo.lab.secrets import write_private

Command = tuple[str, ...]
NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")


class Control:
    """Made anew each time; keys and certificates are made once."""

    def __init__(self, kubernetes: Kubernetes, programs: Programs) -> None:
        self._at, self._programs = kubernetes, programs
        self.authority = Authority(kubernetes.folder / "pki")
        masters = [master.address for master in kubernetes.masters]
        front = {kubernetes.api_host, kubernetes.advertised} - set(masters)
        places = (*masters, *sorted(front), "127.0.0.1", API_SERVICE, *NAMES)
        self._server = self.authority.issue("kube-apiserver", at=places)
        self._etcd = self.authority.issue("etcd", at=masters)
        self._admin = self.authority.issue("admin", groups=("system:masters",))
        write_private(kubernetes.kubeconfig, self.config_of(self._admin))

    def config_of(self, who: Pair) -> str:
        return kubeconfig(self._at.url, self.authority.pair.certificate, who)

    def etcd(self, master: Master) -> Command:
        client, peer = _client(master), _peer(master)
        members = ",".join(f"{_member(one)}={_peer(one)}" for one in self._at.masters)
        command = (
            self._programs["etcd"],
            f"--name={_member(master)}",
            f"--data-dir={self._at.folder / master.process('etcd')}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={members}",
            "--unsafe-no-fsync",  # a lab that is lost is made again
            *self._of_etcd(""),
            *self._of_etcd("peer-"),
        )
        return _within(master, command)

    def _of_etcd(self, side: str) -> Command:
        """Nobody speaks with it who has no certificate of ours."""
        return (
            f"--{side}cert-file={self._etcd.certificate}",
            f"--{side}key-file={self._etcd.key}",
            f"--{side}trusted-ca-file={self.authority.pair.certificate}",
            f"--{side}client-cert-auth",
        )

    def egress(self) -> Command:
        words = (sys.executable, "-m", "polpo.lab.kubernetes.egress", str(self._at.egress))
        return inside(self._at.nodes[0].host.netns, *words)

    def api_server(self, master: Master) -> Command:
        ca, key = self.authority.pair.certificate, self._server.key
        command = (
            self._programs["kube-apiserver"],
            f"--etcd-servers={','.join(map(_client, self._at.masters))}",
            f"--etcd-cafile={ca}",
            f"--etcd-certfile={self._etcd.certificate}",
            f"--etcd-keyfile={self._etcd.key}",
            f"--bind-address={master.address}",
            f"--advertise-address={self._at.advertised}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={ca}",
            f"--kubelet-client-certificate={self._admin.certificate}",
            f"--kubelet-client-key={self._admin.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={','.join(SERVICES)}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            f"--egress-selector-config-file={self._egress_config()}",
        )
        return _within(master, command)

    def _egress_config(self) -> Path:
        transport = {"uds": {"udsName": str(self._at.egress)}}
        connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
        config = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        path = self._at.folder / "egress.json"
        write_private(path, json.dumps(config))
        return path

    def controller_manager(self) -> Command:
        return (
            self._programs["kube-controller-manager"],
            *self._of_kubernetes("kube-controller-manager"),
            f"--service-account-private-key-file={self._server.key}",
            f"--root-ca-file={self.authority.pair.certificate}",
            "--use-service-account-credentials",
            f"--cluster-cidr={','.join(PODS)}",
            "--allocate-node-cidrs=false",  # pods' addresses are the network's
        )

    def scheduler(self) -> Command:
        return (self._programs["kube-scheduler"], *self._of_kubernetes("kube-scheduler"))

    def _of_kubernetes(self, name: str) -> Command:
        who = self.authority.issue(f"system:{name}")
        config = self._at.folder / f"{name}.kubeconfig"
        write_private(config, self.config_of(who))
        return (
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--bind-address={self._at.address}",
            "--leader-elect=false",
            f"--cert-dir={Path(self._at.folder, name)}",
        )


def _member(master: Master) -> str:
    return master.name or "default"


def _client(master: Master) -> str:
    return f"https://{master.address}:2379"


def _peer(master: Master) -> str:
    return f"https://{master.address}:2380"


def _within(master: Master, command: Command) -> Command:
    return inside(master.netns, *command) if master.netns else command
