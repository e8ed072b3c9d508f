"""`polpo lab down`: no process, namespace, device, map, mount or file of the lab is left."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from polpo.lab.command import attempt, inside
from polpo.lab.kubernetes.down import clean, end_pods
from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.layout import Lab, LabHost
from polpo.lab.processes import Processes
from polpo.lab.underlay import remove_underlay

NODES = ("kubelet-", "containerd-")
"""These end first: others would only be missed."""
DONE_WITH = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
"""These would take their time for what nobody needs any more."""


def take_down(lab: Lab, say: Callable[[str], None]) -> None:
    """Works from whatever is there, also half a lab; the folder goes last."""
    processes = Processes(lab.folder / "run")
    kubernetes = Kubernetes(lab)
    for name in sorted(processes.names(), key=lambda name: not name.startswith(NODES)):
        if name.startswith(DONE_WITH):
            processes.kill(name)
        processes.stop(name)
    end_pods(kubernetes)
    clean(kubernetes)
    say("programs stopped")
    for host in lab.hosts:
        _purge(host)
    for netns in _leftovers(lab):
        attempt("ip", "netns", "delete", netns)
    remove_underlay(lab)
    say("hosts and underlay removed")
    shutil.rmtree(lab.folder, ignore_errors=True)


def _purge(host: LabHost) -> None:
    """The agent's own way to remove what it made; its mount is ours to end if it cannot."""
    if host.config.exists() and Path("/run/netns", host.netns).exists():
        purge = (sys.executable, "-m", "polpo.cli.main", "agent", "--config", str(host.config))
        attempt(*inside(host.netns, *purge, "--purge"))
    if host.runtime.exists():
        attempt("umount", str(host.runtime / "bpf"))
        shutil.rmtree(host.runtime, ignore_errors=True)


def _leftovers(lab: Lab) -> list[str]:
    """Namespaces that an agent could not remove: workloads', and of its own services."""
    folder = Path("/run/netns")
    hosts = {host.netns for host in lab.hosts}
    found = [*folder.glob(f"{lab.prefix}-*"), *folder.glob(f"polpo-{lab.prefix}-*")]
    return sorted(path.name for path in found if path.name not in hosts)
