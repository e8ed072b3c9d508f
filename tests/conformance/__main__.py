"""Upstream's own tests of Kubernetes' network, against the lab's cluster: `make conformance`.

Brings a lab up unless there is one in --folder, and says what passed. Needs root.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conformance import images
from tests.conformance.skipped import SKIPPED

from polpo.lab.command import inside, run
from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.kubernetes.node import ctr
from polpo.lab.kubernetes.programs import Programs, find
from polpo.lab.layout import Lab

HERE = Path(__file__).resolve().parents[2]
OURS = ("e2e.test", "ginkgo", "agnhost")
CONFORMANCE = r"\[sig-network\].*\[Conformance\]"
ALL = r"\[sig-network\]"


def main() -> int:
    given = _given()
    programs = find()
    if programs.missing:
        print(f"no Kubernetes: there is no {', '.join(programs.missing)} here")
        return 1
    own = given.folder is None
    folder = given.folder or Path(tempfile.mkdtemp(prefix="pt-conf-")) / "lab"
    where = ("--folder", str(folder), "--prefix", given.prefix, "--subnet", given.subnet)
    lab = Lab(folder=folder, prefix=given.prefix, subnet=given.subnet, cluster="lab")
    polpo = (sys.executable, "-m", "polpo.cli.main")
    try:
        if own:
            subprocess.run([*polpo, "lab", "up", *where, "--kubernetes"], check=True)
        return _prove(lab, programs, given.focus, given.procs)
    finally:
        if own:
            subprocess.run([*polpo, "lab", "down", *where], check=False)


def _prove(lab: Lab, programs: Programs, focus: str, procs: int) -> int:
    words = [str(HERE / "tools" / "kubernetes" / "programs"), *OURS]
    test, ginkgo, agnhost = run(*words, timeout_s=3600).split()
    _import(lab, programs, agnhost)
    begun = time.monotonic()
    done = subprocess.run(
        [
            *(ginkgo, f"--procs={procs}", f"--focus={focus}", f"--skip={'|'.join(SKIPPED)}"),
            *("--timeout=60m", "--no-color", "--silence-skips", "--succinct", test, "--"),
            *("--provider=local", f"--kubeconfig={lab.folder / 'kubeconfig'}"),
            f"--report-dir={lab.folder / 'conformance'}",
        ],
        check=False,
    )
    print(f"{time.monotonic() - begun:.0f} s")
    return done.returncode


def _import(lab: Lab, programs: Programs, agnhost: str) -> None:
    path = lab.folder / "conformance.tar"
    images.write(path, programs["busybox"], agnhost)
    for node in Kubernetes(lab).nodes:
        words = (*ctr(node, programs), "images", "import", str(path))
        run(*inside(node.host.netns, *words), timeout_s=300)
    path.unlink()


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
