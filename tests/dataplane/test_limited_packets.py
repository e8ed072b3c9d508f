"""Limits and marks as workloads on two hosts see them, with their own kernels' stacks."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.dataplane.test_real_packets import eventually
from tests.dataplane.wire import ANY, Wire, Workload, inside

from polpo.dataplane.tables import Drop
from polpo.target.rows import Limit

pytestmark = pytest.mark.netns
LIMIT = Limit(8000, 800)  # 1,000 bytes are a millisecond


@contextmanager
def iperf3(server: Workload) -> Iterator[None]:
    command = ["ip", "netns", "exec", server.namespace, "iperf3", "-s"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        assert eventually(lambda: bool(server.run("ss", "-Hltn", "sport", "= :5201")))
        yield
    finally:
        process.kill()
        process.wait()


def measured(client: Workload, *options: str) -> tuple[dict[str, Any], float]:
    """What iperf3 says at the end, and how many seconds it took altogether."""
    began = time.monotonic()
    said = json.loads(client.run("iperf3", "-J", *options))
    return said["end"], time.monotonic() - began


@pytest.mark.parametrize("where", [0, 1], ids=["one host", "two hosts"])
@pytest.mark.parametrize("sends", [True, False], ids=["sent", "received"])
def test_no_more_arrives_than_the_limit_lets_through(wire: Wire, where: int, sends: bool) -> None:
    wire.set_policy(1, ANY)
    a = wire.plug("a", 0, 1, egress=LIMIT if sends else None, ingress=None if sends else LIMIT)
    b = wire.plug("b", where, 2)
    wire.sync()
    to = ("-c", b.v4) if sends else ("-c", b.v4, "-R")
    with iperf3(b):
        end, took_s = measured(a, *to, "-u", "-b", "100M", "-l", "1000", "-t", "1")
        datagrams = end["sum_received" if "sum_received" in end else "sum"]
        arrived = (datagrams["packets"] - datagrams["lost_packets"]) * 1042
        assert arrived <= took_s * 1_000_000 + 100_000
        assert arrived >= 50_000, "a burst, less what the test's own connection takes of it"
        end, took_s = measured(a, *to, "-n", "1M")
        assert took_s >= (end["sum_received"]["bytes"] - 100_000) / 1_000_000, "TCP"
    drops = [host.drops().get(Drop.OVER_LIMIT, 0) for host in wire.hosts]
    assert sum(drops) > 0
    assert a.pings(b.v6), "there is time for others again"


def test_a_limit_far_above_is_none(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    far = Limit(100_000_000, 80_000_000)
    a, b = wire.plug("a", 0, 1, egress=far, ingress=far), wire.plug("b", 1, 2)
    wire.sync()
    with iperf3(b):
        for flags in ((), ("-R",)):
            measured(a, "-c", b.v4, "-n", "20M", *flags)
    assert not any(host.drops().get(Drop.OVER_LIMIT) for host in wire.hosts)


def test_a_mark_reaches_the_other_end_and_is_on_the_tunnel(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a, c = wire.plug("a", 0, 1, dscp=46), wire.plug("c", 1, 3)
    wire.sync()
    for address in (c.v4, c.v6):
        within = capture(c.namespace, "eth0", "tcp")
        around = capture(wire.hosts[1].namespace, "under", "udp port 4789")
        with within as inner, around as outer:
            a.run("bash", "-c", f"exec 3<>/dev/tcp/{address}/9", check=False)
        assert "tos 0xb8" in inner[0] or "class 0xb8" in inner[0]
        assert "(tos 0xb8" in outer[0]


@contextmanager
def capture(namespace: str, device: str, what: str) -> Iterator[list[str]]:
    """What tcpdump says of the first such packet that comes in."""
    command = ["ip", "netns", "exec", namespace, "timeout", "20", "tcpdump", "-nvlU"]
    process = subprocess.Popen(
        [*command, "-c", "1", "-Q", "in", "-i", device, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    sockets = ("cat", "/proc/net/packet")
    assert eventually(lambda: len(inside(namespace, *sockets).splitlines()) > 1)
    said: list[str] = []
    yield said
    said.append(process.communicate()[0])
