"""`nodecache`: a node's own DNS, untracked, in a network namespace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.kernel import netns
from polpo.testing.dns import STARTED
from polpo.testing.hosts import inside

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
SPACE = "ptd-nodecache"
COREFILE = """
cluster.local:53 {
    bind 169.254.0.10 10.254.0.10
    nodecache
    hosts /nonexistent {
        10.0.0.1 a.cluster.local
    }
}
. {
    bind 169.254.0.10 10.254.0.10
    whoami
}
"""


@pytest.fixture
def node() -> Iterator[str]:
    netns.create(SPACE)
    inside(SPACE, "ip link set lo up")
    yield SPACE
    netns.delete(SPACE)


@pytest.fixture
def server(node: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "Corefile").write_text(COREFILE)
    command = [sys.executable, "-m", "polpo.apps.dns", "-conf", str(tmp_path / "Corefile")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(["ip", "netns", "exec", node, *command], stdout=log, stderr=log)
    while STARTED not in (tmp_path / "log").read_text():
        assert process.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.02)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_the_node_has_the_addresses_and_what_goes_there_is_not_tracked(
    node: str, server: subprocess.Popen[bytes]
) -> None:
    for address in ("169.254.0.10", "10.254.0.10"):
        answer = inside(node, f"dig +short +tries=1 @{address} a.cluster.local")
        assert answer.strip() == "10.0.0.1"
    shown = inside(node, "nft list table inet polpo-nodelocaldns")
    assert "ip daddr { 10.254.0.10, 169.254.0.10 } udp dport 53 notrack" in shown
    assert "ip saddr { 10.254.0.10, 169.254.0.10 } tcp sport 53 notrack" in shown


def test_nothing_is_left_at_the_end(node: str, server: subprocess.Popen[bytes]) -> None:
    assert "nodelocaldns" in inside(node, "ip -br link")
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert "nodelocaldns" not in inside(node, "ip -br link")
    assert "polpo" not in inside(node, "nft list ruleset")
