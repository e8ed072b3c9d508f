"""Ends the lab's Kubernetes: no process, namespace, mount, socket or setting of it is left.

The lab's own programs (kubelet, containerd) have ended before; pods have not: they are
processes of containerd's shims, which are known by the socket in their command line.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from polpo.lab.command import attempt
from polpo.lab.kubernetes import sysctls
from polpo.lab.kubernetes.layout import Kubernetes, Node

PATIENCE_S = 10.0
LOGS = Path("/var/log/containers")


def end_pods(kubernetes: Kubernetes) -> None:
    """While the agents can still take the ports' devices away: what pods' namespaces were."""
    for node in kubernetes.nodes:
        shims = list(_shims(node))
        namespaces = {name for pid in shims for name in _netns_of(_tree(pid))}
        for pid in shims:
            _kill([*_tree(pid), pid])
        for name in namespaces:
            attempt("ip", "netns", "delete", name)


def clean(kubernetes: Kubernetes) -> None:
    """Mounts, and what kubelet leaves elsewhere."""
    folders = [str(f) for node in kubernetes.nodes for f in (node.folder, node.state)]
    for mount in reversed(_mounts()):
        if any(mount.startswith(f"{folder}/") for folder in folders):
            attempt("umount", "--lazy", mount)
    for link in LOGS.glob("*") if LOGS.exists() else ():
        if any(os.readlink(link).startswith(f"{folder}/") for folder in folders):
            link.unlink()
    sysctls.put_back(kubernetes)


def _shims(node: Node) -> Iterator[int]:
    for pid in _pids():
        words = _read(Path("/proc", str(pid), "cmdline")).split("\0")
        if Path(words[0]).name.startswith("containerd-shim") and str(node.socket) in words:
            yield pid


def _tree(pid: int) -> list[int]:
    """The processes that come from it, the youngest first."""
    children = [int(p) for p in _read(Path(f"/proc/{pid}/task/{pid}/children")).split()]
    return [found for child in children for found in (*_tree(child), child)]


def _netns_of(pids: Iterable[int]) -> set[str]:
    """Names in /run/netns of the namespaces that these processes are in, but not the host's."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            inodes.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
    names = Path("/run/netns").glob("cni-*")
    return {path.name for path in names if path.stat().st_ino in inodes}


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)


def _mounts() -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
