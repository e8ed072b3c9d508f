"""Each node's own DNS as deploy/ has it: the DaemonSet's command line and its four blocks, on a
node with the cluster's DNS at another address and a resolver outside."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import pytest
import yaml

from polpo.kernel import netns
from polpo.testing.dns import STARTED
from polpo.testing.hosts import inside
from polpo.testing.waiting import until

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
SPACE = "ptd-node-local"
MANIFEST = Path(__file__).parents[3] / "deploy/kubernetes/node-local-dns.yaml"
NODE, SERVICE, CLUSTER, OUTSIDE = "169.254.20.10", "10.254.0.10", "10.254.0.11", "10.254.0.12"
ELSEWHERE = f"""
cluster.local in-addr.arpa ip6.arpa {{
    bind {CLUSTER}
    log
    hosts /nonexistent {{
        10.1.0.1 a.cluster.local
        fd00::1 a.cluster.local
    }}
}}
. {{
    bind {OUTSIDE}
    log
    hosts /nonexistent {{
        192.0.2.1 www.example.org
    }}
}}
"""


@contextmanager
def running(folder: Path, name: str, *words: str) -> Iterator[Path]:
    """`polpo dns` on the node, with its resolv.conf; its log."""
    log = folder / f"{name}.log"
    script = f'mount --bind {folder}/resolv.conf /etc/resolv.conf; exec "$@"'
    program = [sys.executable, "-m", "polpo.apps.dns"]
    command = ["ip", "netns", "exec", SPACE, "sh", "-ec", script, "sh", *program, *words]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        while STARTED not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        yield log
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """On a node that has the addresses of others, too."""
    values = {"image": "", "domain": "cluster.local"}
    values |= {"dns_address": SERVICE, "upstream_address": CLUSTER}
    objects = list(yaml.safe_load_all(Template(MANIFEST.read_text()).substitute(values)))
    (configuration,) = [each for each in objects if each["kind"] == "ConfigMap"]
    (daemons,) = [each for each in objects if each["kind"] == "DaemonSet"]
    (container,) = daemons["spec"]["template"]["spec"]["containers"]
    (tmp_path / "words").write_text("\n".join(container["args"]))
    (tmp_path / "Corefile").write_text(configuration["data"]["Corefile"])
    (tmp_path / "elsewhere").write_text(ELSEWHERE)
    (tmp_path / "resolv.conf").write_text(f"nameserver {OUTSIDE}\n")
    netns.create(SPACE)
    inside(SPACE, "ip link set lo up")
    for address in (CLUSTER, OUTSIDE):
        inside(SPACE, f"ip address add {address}/32 dev lo")
    yield tmp_path
    netns.delete(SPACE)


def dig(server: str, *words: str) -> str:
    return inside(SPACE, f"dig +short +tries=1 @{server} {' '.join(words)}").strip()


def test_a_node_answers_for_the_cluster_and_all_else_also_while_others_are_away(
    folder: Path,
) -> None:
    program, _, _, *words = (folder / "words").read_text().split("\n")
    assert program == "dns"
    with running(folder, "node", "-conf", str(folder / "Corefile"), *words):
        with running(folder, "elsewhere", "-conf", str(folder / "elsewhere")) as log:
            for server in (NODE, SERVICE):
                assert dig(server, "a.cluster.local A") == "10.1.0.1"
                assert dig(server, "a.cluster.local AAAA") == "fd00::1"
                assert dig(server, "-x 10.1.0.1") == "a.cluster.local."
                assert dig(server, "-x fd00::1") == "a.cluster.local."
                assert dig(server, "www.example.org A", "+tcp") == "192.0.2.1"
            until(lambda: "NOERROR" in log.read_text(), "what was asked is written down")
            asked = [line for line in log.read_text().splitlines() if "NOERROR" in line]
            assert all(" tcp " in line for line in asked), asked
        assert dig(SERVICE, "a.cluster.local A") == "10.1.0.1"
        assert dig(NODE, "-x fd00::1") == "a.cluster.local."
        assert inside(SPACE, f"curl -s http://{NODE}:8080/health") == "OK"
        metrics = inside(SPACE, "curl -s http://127.0.0.1:9253/metrics")
        assert f'coredns_forward_requests_total{{to="{CLUSTER}:53"}}' in metrics
    assert "nodelocaldns" not in inside(SPACE, "ip -br link")
