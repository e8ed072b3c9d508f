"""The load balancer's cloud (polpo.testing.balancers), made and removed once for each module."""

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from polpo.kernel import netns
from polpo.testing.balancers import HOSTS, BalancerCloud, balancer_cloud
from polpo.testing.hosts import PREFIX

NAMES = Path("/run/netns")


@pytest.fixture(autouse=True, scope="module")
def nothing_left() -> Iterator[None]:
    """What a killed run left is removed; what is left of ours is an error."""
    _sweep()
    yield
    left = [*_ours(), *_processes()]
    _sweep()
    assert not left


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BalancerCloud]:
    async with balancer_cloud(tmp_path_factory.mktemp("balancer")) as made:
        yield made


def _ours() -> list[str]:
    mounts = [x.split()[1] for x in Path("/proc/mounts").read_text().splitlines()]
    found = [m for m in mounts if m.startswith(f"/run/polpo/{PREFIX}")]
    patterns = (f"{PREFIX}*", *(f"polpo-{host}-*" for host in HOSTS))
    return sorted(set(found + [str(p) for pattern in patterns for p in NAMES.glob(pattern)]))


def _processes() -> list[int]:
    """Pids of keepalived and HAProxy that run by a file of ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if f"/run/polpo/{PREFIX}".encode() in text and b"balancers" in text:
            found.append(int(path.parent.name))
    return found


def _sweep() -> None:
    for pid in _processes():
        os.kill(pid, signal.SIGKILL)
    for name in _ours():
        if name.startswith("/run/polpo"):
            subprocess.run(["umount", "-l", name], check=False)
            shutil.rmtree(Path(name).parent, ignore_errors=True)
        elif Path(name).exists():
            netns.delete(Path(name).name)
