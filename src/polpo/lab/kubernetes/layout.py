"""The lab's Kubernetes as plain values: where it is, where its files are.

198.18.0.1  etcd (2379), kube-apiserver (6443), controller manager, scheduler
198.18.0.11 kubelet of node h1 in the host's namespace, and containerd beside it
198.18.0.12 the same of h2

With several masters etcd and kube-apiserver are at 10.90.0.x, ports of the cloud on h1, h2, h3,
behind a load balancer with an address outside.
"""

from pathlib import Path

import msgspec

from polpo.lab.layout import Lab, LabHost

CLUSTER = "lab"
PODS = ("10.100.0.0/16", "fd00:100::/64")
SERVICES = ("10.254.0.0/16", "fd00:254::/108")
API_SERVICE, DNS_SERVICE = "10.254.0.1", "10.254.0.10"
DOMAIN = "cluster.local"


class Master(msgspec.Struct, frozen=True):
    """`netns`: where it is; "" for the lab's own controller's."""

    name: str
    address: str
    netns: str = ""

    def process(self, program: str) -> str:
        """The name of its process."""
        return f"{program}-{self.name}" if self.name else program


class Front(msgspec.Struct, frozen=True):
    """The load balancer before several: its address outside, and inside."""

    outside: str
    inside: str
    masters: tuple[Master, ...]


class Kubernetes(msgspec.Struct, frozen=True):
    lab: Lab
    front: Front | None = None

    @property
    def folder(self) -> Path:
        return self.lab.folder / "kubernetes"

    @property
    def address(self) -> str:
        return self.lab.address

    @property
    def masters(self) -> tuple[Master, ...]:
        return self.front.masters if self.front else (Master("", self.address),)

    @property
    def api_host(self) -> str:
        """Where the API is asked."""
        return self.front.outside if self.front else self.address

    @property
    def advertised(self) -> str:
        """Where pods' Service `kubernetes` leads."""
        return self.front.inside if self.front else self.address

    @property
    def url(self) -> str:
        return f"https://{self.api_host}:6443"

    @property
    def kubeconfig(self) -> Path:
        """The admin's: what `kubectl` is told by --kubeconfig."""
        return self.lab.folder / "kubeconfig"

    @property
    def egress(self) -> Path:
        """By this socket the API server reaches pods and kubelets, from the first node."""
        return self.nodes[0].host.runtime / "egress.sock"

    @property
    def nodes(self) -> list["Node"]:
        workers = [host for host in self.lab.hosts if host.name in self.lab.workers]
        return [Node(host) for host in workers]


class Node(msgspec.Struct, frozen=True):
    host: LabHost

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def folder(self) -> Path:
        return self.host.folder / "kubernetes"

    @property
    def socket(self) -> Path:
        """containerd's: paths of sockets have 107 characters at most, so not in the folder."""
        return self.host.runtime / "containerd.sock"

    @property
    def state(self) -> Path:
        return self.host.runtime / "containerd"

    @property
    def plugins(self) -> Path:
        """Where CNI plugins are."""
        return self.folder / "cni" / "bin"

    @property
    def networks(self) -> Path:
        return self.folder / "cni" / "net.d"
