"""A node: containerd and kubelet in the host's namespace, with all their files in its folder.

What differs from a machine of its own: limits of whole nodes and classes of pods (cgroups) are
the machine's, which all nodes are on; there is no AppArmor and no image to pull.
"""

import json
from typing import Any

from polpo.cni.install import install
from polpo.lab.command import inside, run
from polpo.lab.kubernetes.control import Command, Control
from polpo.lab.kubernetes.image import PAUSE
from polpo.lab.kubernetes.layout import CLUSTER, DNS_SERVICE, DOMAIN, Node
from polpo.lab.kubernetes.programs import Programs
from polpo.lab.secrets import write_private

CONTAINERD = """version = 2
root = "{root}"
state = "{state}"
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true
restrict_oom_score_adj = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{networks}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.internal.v1.opt"]
path = "{opt}"
"""


NAMED = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'
"""Pods of the host's own network have its name."""


def write_files(node: Node, control: Control, programs: Programs) -> None:
    node.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what pods mount is in it
    install(node.plugins, node.networks, CLUSTER, node.host.cni_socket)
    loopback = node.plugins / "loopback"  # containerd before 2.0 calls it beside ours
    if not loopback.exists():
        loopback.symlink_to(programs["loopback"])
    write_private(node.folder / "containerd.toml", containerd_settings(node))
    who = control.authority.issue(f"system:node:{node.name}", groups=("system:nodes",))
    write_private(node.folder / "kubeconfig", control.config_of(who))
    ca = control.authority.pair.certificate
    write_private(node.folder / "kubelet.json", json.dumps(_kubelet(node, str(ca)), indent=2))


def containerd(node: Node, programs: Programs) -> Command:
    config = node.folder / "containerd.toml"
    words = (programs["containerd"], "--config", str(config))
    return inside(node.host.netns, "unshare", "--uts", "sh", "-c", NAMED, node.name, *words)


def kubelet(node: Node, programs: Programs) -> Command:
    return inside(
        node.host.netns,
        programs["kubelet"],
        f"--config={node.folder / 'kubelet.json'}",
        f"--kubeconfig={node.folder / 'kubeconfig'}",
        f"--root-dir={node.folder / 'kubelet'}",
        f"--cert-dir={node.folder / 'kubelet' / 'pki'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.host.address},{node.host.address6}",
    )


def ctr(node: Node, programs: Programs) -> Command:
    """What speaks with the node's containerd."""
    return (programs["ctr"], "--address", str(node.socket), "--namespace", "k8s.io")


def tasks(node: Node, programs: Programs) -> list[tuple[str, int]]:
    """Each container that runs: its id and first process."""
    lines = run(*ctr(node, programs), "tasks", "list").splitlines()[1:]
    return [(words[0], int(words[1])) for words in map(str.split, lines) if "RUNNING" in words]


def containerd_settings(node: Node) -> str:
    """The text of its containerd.toml."""
    return CONTAINERD.format(
        root=node.folder / "containerd",
        state=node.state,
        socket=node.socket,
        pause=PAUSE,
        plugins=node.plugins,
        networks=node.networks,
        opt=node.folder / "opt",
    )


def _kubelet(node: Node, authority: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.host.address,
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": authority}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "featureGates": {"KubeletCrashLoopBackOffMax": True},  # what checks kill is soon back
        "crashLoopBackOff": {"maxContainerRestartPeriod": "5s"},
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DOMAIN,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "podLogsDir": str(node.folder / "logs"),
        "volumePluginDir": str(node.folder / "volume-plugins"),
    }
