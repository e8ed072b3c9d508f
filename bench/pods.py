"""What a pod waits for its network: the whole call of the plugin, alone and in a crowd.

In a lab of three hosts whose controller has one cluster; what a container runtime does is done by
hand. The peer is Debian's `bridge` with `host-local`, called in turns with ours for namespaces of
the same sort, in this process's own namespace.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.loop import figure
from polpo.lab.command import attempt
from polpo.lab.running import Running
from polpo.testing.lab import LabCloud
from polpo.testing.pods import Pod, Runtime, finished, make_cluster

PREFIX, SUBNET, CLUSTER = "pt-bp", "198.18.88", "k8s"
TURNS, CROWD = 50, 100
PLUGINS = Path("/usr/lib/cni")
BRIDGE = "pt-bp-peer"
PEER = "bridge, host-local (Debian)"
Row = dict[str, Any]
Starts = Callable[[str, Pod], "subprocess.Popen[str]"]


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="pt-bp-") as folder:
        cloud = LabCloud(Path(folder) / "lab", PREFIX, SUBNET, "h2", "h3", cluster=CLUSTER)
        try:
            cloud.up()
            make_cluster(cloud, CLUSTER, "h1")
            host = Running(cloud.lab).host("h1")
            runtime = Runtime(host, CLUSTER, Path(folder))
            return _figures(runtime.start, Bridge(Path(folder)).start)
        finally:
            attempt("ip", "link", "delete", BRIDGE)
            cloud.down()


def _figures(ours: Starts, peers: Starts) -> list[Row]:
    took: dict[str, tuple[list[float], list[float]]] = {"ADD": ([], []), "DEL": ([], [])}
    for turn in range(TURNS):
        for side, start in enumerate((ours, peers)):
            with _pods(1, f"turn-{turn}") as (pod,):
                for command, measured in took.items():
                    measured[side].append(_timed_ms(start, command, [pod]))
    alone = [
        figure(f"pods: {command}, the whole call", *_medians(*found))
        for command, found in took.items()
    ]
    crowd = _crowd_ms(ours), "ms", PEER, _crowd_ms(peers)
    return [*alone, figure(f"pods: {CROWD} at once on one host, until the last has it", *crowd)]


def _medians(ours: list[float], peers: list[float]) -> tuple[float, str, str, float]:
    return statistics.median(ours), "ms", PEER, statistics.median(peers)


def _crowd_ms(start: Starts) -> float:
    with _pods(CROWD, "crowd") as pods:
        took = _timed_ms(start, "ADD", pods)
        _timed_ms(start, "DEL", pods)
    return took


def _timed_ms(start: Starts, command: str, pods: list[Pod]) -> float:
    """All of them at once."""
    begun = time.perf_counter()
    calls = [start(command, pod) for pod in pods]
    for call in calls:
        said = finished(call)
        assert said is None or "code" not in said, said
    return 1000 * (time.perf_counter() - begun)


@contextmanager
def _pods(count: int, name: str) -> Iterator[list[Pod]]:
    made = [Pod(PREFIX, f"{name}-{n}") for n in range(count)]
    try:
        yield made
    finally:
        for pod in made:
            pod.end()


class Bridge:
    """The peer, with its addresses in a folder."""

    def __init__(self, folder: Path) -> None:
        ranges = [[{"subnet": "10.77.0.0/16"}]]
        ipam = {"type": "host-local", "ranges": ranges, "dataDir": str(folder / "host-local")}
        self._config = json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "peer",
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipam": ipam | {"routes": [{"dst": "0.0.0.0/0"}]},
            }
        )

    def start(self, command: str, pod: Pod) -> "subprocess.Popen[str]":
        more = {"CNI_COMMAND": command, "CNI_PATH": str(PLUGINS), **pod.environment}
        pipe = subprocess.PIPE
        words, environment = [str(PLUGINS / "bridge")], os.environ | more
        call = subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment, text=True)
        assert call.stdin
        call.stdin.write(self._config)
        call.stdin.close()
        call.stdin = None
        return call
