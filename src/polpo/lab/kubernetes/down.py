"""Ends the lab's Kubernetes: no process, namespace, mount, socket or setting of it is left.

The lab's own programs (kubelet, containerd) have ended before; pods have not: they are containers
of runc and children of containerd's shims, known as ours by the node's folders in their state and
command lines.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from polpo.lab.command import attempt
from polpo.lab.kubernetes import sysctls
from polpo.lab.kubernetes.layout import Kubernetes, Node

PATIENCE_S = 10.0
RUNC = Path("/run/containerd/runc/k8s.io")  # where containerd 1.6 .. 2.x has runc keep its state
SHIMS = Path("/run/containerd/s")
LOGS = Path("/var/log/containers")
DEVICES = Path("/var/lib/kubelet/device-plugins")
CGROUPS = Path("/sys/fs/cgroup")


def end_pods(kubernetes: Kubernetes) -> None:
    for node in kubernetes.nodes:
        containers = list(_containers(node))
        namespaces = _namespaces([pid for _, pid in containers])
        for id, _ in containers:
            attempt(shutil.which("runc") or "runc", "--root", str(RUNC), "delete", "--force", id)
        _kill(list(_shims(node)))
        for file in node.state.glob("io.containerd.runtime.v2.task/k8s.io/*/address"):
            Path(file.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        for name in namespaces:
            attempt("ip", "netns", "delete", name)


def clean(kubernetes: Kubernetes) -> None:
    """Mounts, and what kubelet and containerd leave elsewhere."""
    folders = [str(f) for node in kubernetes.nodes for f in (node.folder, node.state)]
    for mount in reversed(_mounts()):
        if any(mount.startswith(f"{folder}/") for folder in folders):
            attempt("umount", "--lazy", mount)
    for link in LOGS.glob("*"):
        if any(os.readlink(link).startswith(f"{folder}/") for folder in folders):
            link.unlink()
    for path in DEVICES.glob("kubelet.sock"):
        if not _is_served(path):
            path.unlink()
    for empty in (*CGROUPS.glob("*/k8s.io"), RUNC, RUNC.parent, SHIMS, SHIMS.parent):
        _remove_if_empty(empty)
    for empty in (DEVICES, DEVICES.parent, LOGS):
        _remove_if_empty(empty)
    sysctls.put_back(kubernetes)


def _containers(node: Node) -> Iterator[tuple[str, int]]:
    """Id and first process of each."""
    for file in RUNC.glob("*/state.json"):
        with contextlib.suppress(ValueError, KeyError):
            state = json.loads(_read(file))
            if str(state["config"]["rootfs"]).startswith(f"{node.state}/"):
                yield str(state["id"]), int(state["init_process_pid"])


def _namespaces(pids: list[int]) -> list[str]:
    """The names that containerd gave to the network namespaces that these are in."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            inodes.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
    names = Path("/run/netns").glob("cni-*")
    return [path.name for path in names if path.stat().st_ino in inodes]


def _shims(node: Node) -> Iterator[int]:
    for path in Path("/proc").iterdir():
        words = _read(path / "cmdline").split("\0") if path.name.isdigit() else [""]
        if Path(words[0]).name.startswith("containerd-shim") and str(node.socket) in words:
            yield int(path.name)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(path)) == 0


def _remove_if_empty(folder: Path) -> None:
    """Others' things stay, and so does what has them. A cgroup's own files are no content."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _mounts() -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
