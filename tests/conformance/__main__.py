"""Upstream's own tests of Kubernetes' network, against the lab's cluster: `make conformance`.

Brings a lab up unless there is one in --folder, and says what passed. Needs root.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.conformance import images
from tests.conformance.skipped import SKIPPED

from polpo.lab import outside
from polpo.lab.command import run
from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.kubernetes.programs import Programs, find
from polpo.lab.layout import Lab

HERE = Path(__file__).resolve().parents[2]
OURS = ("e2e.test", "ginkgo", "agnhost")
CONFORMANCE = r"\[sig-network\].*\[Conformance\]"
ALL = r"\[sig-network\]"
WORKERS = ("h1", "h2", "h3")


def main() -> int:
    given = _given()
    programs = find()
    if programs.missing:
        print(f"no Kubernetes: there is no {', '.join(programs.missing)} here")
        return 1
    own = given.folder is None
    folder = given.folder or Path(tempfile.mkdtemp(prefix="pt-conf-")) / "lab"
    where = ("--folder", str(folder), "--prefix", given.prefix, "--subnet", given.subnet)
    workers = WORKERS if own else WORKERS[:2]
    names = {"prefix": given.prefix, "subnet": given.subnet, "cluster": "lab"}
    lab = Lab(folder=folder, workers=workers, **names)
    polpo = (sys.executable, "-m", "polpo.cli.main")
    try:
        if own:
            # its own checks may fail, busy as machines are: they are not asked here
            of_three = ("--kubernetes", "--workers", str(len(WORKERS)))
            subprocess.run([*polpo, "lab", "up", *where, *of_three], check=False)
            if not (lab.folder / "kubeconfig").exists():
                return 1
            _lead_to_the_world(lab)
            _name_zones(lab, programs)
        return _prove(lab, programs, given.focus, given.procs)
    finally:
        if own:
            subprocess.run([*polpo, "lab", "down", *where], check=False)


def _prove(lab: Lab, programs: Programs, focus: str, procs: int) -> int:
    with tempfile.TemporaryDirectory(prefix="polpo-conformance-") as report:
        returned = _run(lab, programs, focus, procs, report)
        for name, why in _left_out(Path(report)):
            print(f"left out by itself: {name}: {why}")
    return returned


def _run(lab: Lab, programs: Programs, focus: str, procs: int, report: str) -> int:
    words = [str(HERE / "tools" / "kubernetes" / "programs"), *OURS]
    test, ginkgo, agnhost = run(*words, timeout_s=3600).split()
    images.put(Kubernetes(lab), programs, agnhost)
    begun = time.monotonic()
    done = subprocess.run(
        [
            *(ginkgo, f"--procs={procs}", f"--focus={focus}", f"--skip={'|'.join(SKIPPED)}"),
            *("--timeout=60m", "--no-color", "--silence-skips", "--succinct", test, "--"),
            *("--provider=local", f"--kubeconfig={lab.folder / 'kubeconfig'}"),
            f"--num-nodes={len(lab.workers)}",  # else what wants two nodes skips itself
            f"--report-dir={report}",
        ],
        check=False,
    )
    print(f"{time.monotonic() - begun:.0f} s")
    return done.returncode


def _left_out(folder: Path) -> Iterator[tuple[str, str]]:
    """Specs that were chosen and then found that they can't run here, and why."""
    for file in folder.glob("junit*.xml"):
        for case in ElementTree.parse(file).iter("testcase"):
            skipped = case.find("skipped")
            said = "" if skipped is None else skipped.get("message", "")
            if " - " in said:  # who was not chosen has no reason
                yield case.get("name", "").partition("] ")[2], said.partition(" - ")[2]


def _lead_to_the_world(lab: Lab) -> None:
    """Specs of load balancers ask from here. The route goes with the lab's bridge."""
    for subnet in outside.SUBNETS:
        if ":" not in subnet:
            run("ip", "route", "replace", subnet, "via", f"{lab.subnet}.254")


def _name_zones(lab: Lab, programs: Programs) -> None:
    """One for each node: specs of topology want three."""
    kubectl = (programs["kubectl"], f"--kubeconfig={lab.folder / 'kubeconfig'}")
    for name in lab.workers:
        zone = f"topology.kubernetes.io/zone=zone-{name}"
        run(*kubectl, "label", "--overwrite", "node", name, zone)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__)
    parser.add_argument("--folder", type=Path, help="of a lab that runs")
    parser.add_argument("--prefix", default="pt-conf", help="of its names")
    parser.add_argument("--subnet", default="198.18.76", help="of its hosts")
    parser.add_argument("--focus", default=CONFORMANCE, help="regular expression of tests' names")
    parser.add_argument("--procs", type=int, default=4, help="tests at a time")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
