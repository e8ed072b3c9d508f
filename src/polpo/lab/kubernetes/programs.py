"""Where Kubernetes' programs are: nobody's imitation will do, and none is fetched here."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

NAMES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
OF_DEBIAN = ("etcd", "containerd", "ctr", "runc", "busybox", "loopback")
FOLDER = "POLPO_KUBERNETES"


class Programs(msgspec.Struct, frozen=True):
    """Name -> path of what is there, and the names of what is not."""

    paths: dict[str, str]
    missing: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.paths[name]


def find() -> Programs:
    """In the folder that POLPO_KUBERNETES names, in PATH, where tools/kubernetes builds them."""
    found = {name: _find(name) for name in (*NAMES, *OF_DEBIAN)}
    paths = {name: path for name, path in found.items() if path is not None}
    return Programs(paths, tuple(name for name in found if name not in paths))


def _find(name: str) -> str | None:
    for folder in _folders():
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    return shutil.which(name)


def _folders() -> Iterator[Path]:
    if FOLDER in os.environ:
        yield Path(os.environ[FOLDER])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    yield Path("/usr/lib/cni")
    yield from sorted((cache / "polpo" / "kubernetes").glob("v*"), reverse=True)
