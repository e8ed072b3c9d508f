"""Each of several masters is killed in turn: `kubectl` does not miss it."""

import time
from collections.abc import Iterator
from functools import partial

from polpo.lab.checks import Check
from polpo.lab.command import CommandFailed
from polpo.lab.kubernetes.cluster import Cluster

ASKED = 4
READY_S = 90.0


def prove(cluster: Cluster) -> Iterator[Check]:
    masters = cluster.at.masters
    if len(masters) < 2:
        return
    slowest_s, complaints = 0.0, list[str]()
    for master in masters:
        name = f"without-{master.name}"
        cluster.kubectl("delete", "configmap", name, "--ignore-not-found")
        cluster.kill_master(master)
        begun = time.monotonic()
        cluster.until(partial(_creates, cluster, name), f"a write is taken {name}")
        slowest_s = max(slowest_s, time.monotonic() - begun)
        complaints += filter(None, (_complaint(cluster, name) for _ in range(ASKED)))
        cluster.start_master(master)
        cluster.until(partial(cluster.is_ready, master), f"{master.name} is back", READY_S)
    said = f"{len(complaints)} of {ASKED * len(masters)} reads failed"
    figure = f"{said}; a write was taken after {slowest_s:.1f} s at most"
    what = f"Kubernetes: kubectl works while any of {len(masters)} masters is killed"
    yield Check(what, not complaints, figure)


def _creates(cluster: Cluster, name: str) -> bool:
    """One that was given up may have been done."""
    try:
        cluster.kubectl("--request-timeout=5s", "create", "configmap", name)
    except CommandFailed as failed:
        return "already exists" in str(failed)
    return True


def _complaint(cluster: Cluster, name: str) -> str:
    try:
        cluster.kubectl("--request-timeout=20s", "get", "configmap", name)
    except CommandFailed as failed:
        return str(failed)
    return ""
