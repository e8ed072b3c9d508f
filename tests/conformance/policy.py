"""Network Policy API's own conformance suite, against the lab's cluster: `make conformance-policy`.

Brings a lab up unless there is one in --folder. Other arguments go to the suite
(`-test.run=TestConformanceProfiles/CNPAdminTierPriorityField`); without any, the report is kept
beside. Needs root.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.images import put

from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.kubernetes.programs import Programs, find
from polpo.lab.layout import Lab

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / "tools"
REPORT = HERE / "policy-report.yaml"
PROFILE = "ClusterNetworkPolicy"


def main() -> int:
    given, others = _given()
    programs = find()
    if programs.missing:
        print(f"no Kubernetes: there is no {', '.join(programs.missing)} here")
        return 1
    own = given.folder is None
    folder = given.folder or Path(tempfile.mkdtemp(prefix="pt-conf-")) / "lab"
    where = ("--folder", str(folder), "--prefix", given.prefix, "--subnet", given.subnet)
    polpo = (sys.executable, "-m", "polpo.cli.main")
    try:
        if own:
            subprocess.run([*polpo, "lab", "up", *where, "--kubernetes"], check=True)
        lab = Lab(folder=folder, prefix=given.prefix, subnet=given.subnet, cluster="lab")
        return _prove(lab, programs, others)
    finally:
        if own:
            subprocess.run([*polpo, "lab", "down", *where], check=False)


def _prove(lab: Lab, programs: Programs, others: list[str]) -> int:
    suite, crds, sctp = _lines(TOOLS / "policy" / "programs")
    (agnhost,) = _lines(TOOLS / "kubernetes" / "programs", "agnhost")
    kubeconfig = lab.folder / "kubeconfig"
    put(Kubernetes(lab), programs, agnhost, "" if _has_sctp() else sctp)
    kubectl = [programs["kubectl"], f"--kubeconfig={kubeconfig}"]
    for file in sorted(Path(crds).glob("policy.*.yaml")):
        subprocess.run([*kubectl, "apply", "--server-side", "-f", file], check=True)
    command = [suite, *_options(others), *others]
    environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, env=environment, check=False).returncode


def _options(others: list[str]) -> Iterator[str]:
    yield from ("-test.v", "-test.timeout=60m", "-all-features")
    yield from (f"-conformance-profiles={PROFILE}", "-organization=polpo", "-project=polpo")
    yield from ("-url=https://example.com/polpo", "-version=development", "-contact=example.com")
    yield "-additional-info=make conformance-policy"
    if not any(other.startswith("-test.run") for other in others):
        yield "-test.run=^TestConformanceProfiles$"
        yield f"-report-output={REPORT}"


def _has_sctp() -> bool:
    """Whether the kernel has its sockets."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


def _lines(*words: str | Path) -> list[str]:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _given() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="tests.conformance.policy", description=__doc__)
    parser.add_argument("--folder", type=Path, help="of a lab that runs")
    parser.add_argument("--prefix", default="pt-conf", help="of its names")
    parser.add_argument("--subnet", default="198.18.76", help="of its hosts")
    return parser.parse_known_args()


if __name__ == "__main__":
    raise SystemExit(main())
