"""What an agent is told: a TOML file < the environment (POLPO_AGENT_HOST, ...) < flags."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from polpo.model.load_balancer import LEAST_MEMORY_MIB

PREFIX = "POLPO_AGENT_"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One agent of one host.

    host            the host's name, as the controller knows it
    controller      URL of the controller's API
    token_file      file with the host's bearer token
    ca_file         certificate authority of the controller, for https; None: the system's
    underlay        address that other hosts reach this one by (its VTEP), without a prefix
    vxlan_port      UDP port of the tunnel, the same on all hosts
    state_dir       survives a reboot: the target and the plugs
    runtime_dir     does not: pinned tables and the socket; None: /run/polpo/<host>
    metrics_listen  address:port of the Prometheus page; empty: none
    balancer_memory_mib  what one load balancer's instance may have, with all its processes, where
                    its flavor does not say (`memory_mib`)
    certificate_dir  has certificates for references `file:///NAME`: <project's id>/NAME; None:
                    there are none on this host
    uplinks         physical network -> device that leads there, for gateways: a table in the
                    file; elsewhere as text: "physnet1=eth1,physnet2=eth2"
    guest_devices   devices by which clients from outside come to Services (node ports, addresses
                    of load balancers): a list, or text as below; empty: the one with `underlay`
    clusters        Kubernetes clusters whose pods run here: a list in the file; elsewhere as
                    text: "one,other"
    warm_pods       how many ports wait for pods of each, at least; twice as many at most
    """

    host: str
    controller: str
    token_file: str
    underlay: str
    ca_file: str | None = None
    vxlan_port: int = 4789
    state_dir: str = "/var/lib/polpo"
    runtime_dir: str | None = None
    metrics_listen: str = "127.0.0.1:9101"
    balancer_memory_mib: Annotated[int, msgspec.Meta(ge=LEAST_MEMORY_MIB)] = 1024
    certificate_dir: str | None = None
    uplinks: dict[str, str] = {}
    guest_devices: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    warm_pods: int = 8

    @property
    def state(self) -> Path:
        return Path(self.state_dir)

    @property
    def runtime(self) -> Path:
        return Path(self.runtime_dir or f"/run/polpo/{self.host}")

    @property
    def bpffs(self) -> Path:
        return self.runtime / "bpf"

    @property
    def socket(self) -> Path:
        return self.runtime / "agent.sock"

    @property
    def cni_socket(self) -> Path:
        return self.runtime / "cni.sock"


def load(
    file: Path | None, environment: Mapping[str, str] | None = None, **flags: object
) -> Config:
    """The merged settings. ValueError says which one is missing, unknown or wrong."""
    settings: dict[str, object] = tomllib.loads(file.read_text()) if file else {}
    for name, value in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX):
            settings[name.removeprefix(PREFIX).lower()] = value
    settings |= {name: value for name, value in flags.items() if value is not None}
    if isinstance(uplinks := settings.get("uplinks"), str):
        settings["uplinks"] = _read_uplinks(uplinks)
    for name in ("clusters", "guest_devices"):
        if isinstance(text := settings.get(name), str):
            settings[name] = [part.strip() for part in text.split(",") if part.strip()]
    return msgspec.convert(settings, Config, strict=False)


def _read_uplinks(text: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if not all(network.strip() and device.strip() for network, _, device in pairs):
        raise ValueError(f"uplinks: {text!r} is not of the form physnet1=eth1,physnet2=eth2")
    return {network.strip(): device.strip() for network, _, device in pairs}
