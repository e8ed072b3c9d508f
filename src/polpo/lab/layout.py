"""The lab as plain values: where everything is and what it is called.

    198.18.0.1 bridge <prefix> (root namespace, the controller listens here)
        |-- 198.18.0.11  namespace <prefix>-h1: an agent, its ports
        |-- 198.18.0.12  namespace <prefix>-h2
        `-- 198.18.0.13  namespace <prefix>-h3
                             | cables of h2 and h3
        namespace <prefix>-outside: the world, 203.0.113.1

198.18.0.0/15 is set aside for benchmarks (RFC 2544): it is nobody's real network. Hosts have an
address of fd00:18::/64, too (RFC 4193): tunnels are IPv4's, nodes of Kubernetes of both families.
"""

from pathlib import Path

import msgspec

UNDERLAY6 = "fd00:18::"


class LabHost(msgspec.Struct, frozen=True):
    """One host: `name` is the controller's word for it, `netns` where it lives."""

    name: str
    netns: str
    address: str
    address6: str
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def token(self) -> Path:
        return self.folder / "token"

    @property
    def runtime(self) -> Path:
        return Path("/run/polpo") / self.netns

    @property
    def socket(self) -> Path:
        return self.runtime / "agent.sock"

    @property
    def cni_socket(self) -> Path:
        return self.runtime / "cni.sock"


class Lab(msgspec.Struct, frozen=True):
    """`prefix` begins the names of all namespaces and devices; `folder` holds all files.

    uplinks: the hosts with a cable to the outside.
    cluster, workers: the Kubernetes cluster's name, "" for none, and the hosts that have its pods.
    masters: API servers, each with an etcd; several are on a host each, one is beside them all.
    """

    folder: Path
    prefix: str = "polpo-lab"
    subnet: str = "198.18.0"
    port: int = 9696
    hosts_count: int = 3
    uplinks: tuple[str, ...] = ("h2", "h3")
    cluster: str = ""
    workers: tuple[str, ...] = ("h1", "h2")
    masters: int = 1

    @property
    def bridge(self) -> str:
        return self.prefix

    @property
    def address(self) -> str:
        return f"{self.subnet}.1"

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def clouds(self) -> Path:
        return self.folder / "clouds.yaml"

    @property
    def controller_config(self) -> Path:
        return self.folder / "controller" / "controller.toml"

    @property
    def admin_password(self) -> Path:
        return self.folder / "controller" / "admin-password"

    @property
    def hosts(self) -> list[LabHost]:
        return [self._host(number) for number in range(1, self.hosts_count + 1)]

    @property
    def outside(self) -> str:
        """The namespace that is the world outside."""
        return self.netns("outside")

    def netns(self, name: str) -> str:
        """The namespace of a workload."""
        return f"{self.prefix}-{name}"

    def _host(self, number: int) -> LabHost:
        name = f"h{number}"
        address = f"{self.subnet}.{10 + number}"
        address6 = f"{UNDERLAY6}{10 + number}"
        return LabHost(name, self.netns(name), address, address6, self.folder / name)
