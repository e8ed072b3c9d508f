"""Gateway API's own conformance suite against `polpo ingress`: `make conformance-gateway`.

The API server is the real one; the suite's applications run as processes (polpo.testing.kubernetes
.pods). Arguments go to the suite (`-run-test=HTTPRouteWeight`). The report is kept beside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from polpo.ingress.gateway.compile import CONTROLLER
from polpo.ingress.gateway.features import FEATURES
from polpo.testing.kubernetes.pods import Pods
from polpo.testing.kubernetes.real import RealApiServer, program, running

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[1] / "tools/gateway/programs"
ADDRESSES, UNUSABLE = "10.78.0.0/26", "192.0.2.7"
PROFILES = "GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS"
REPORT = HERE / "gateway-report.yaml"


def main(arguments: list[str]) -> int:
    """The suite's status; 0 where Kubernetes' programs are not to be had."""
    found = subprocess.run([PROGRAMS], capture_output=True, text=True, check=True)
    suite, echo, crds = found.stdout.splitlines()
    kubectl = program("kubectl")
    with (
        tempfile.TemporaryDirectory(prefix="polpo-conformance-") as name,
        running(Path(name)) as api,
    ):
        if api is None or kubectl is None:
            print("conformance: Kubernetes' programs are not here", file=sys.stderr)
            return 0
        folder = Path(name)
        kubeconfig = _kubeconfig(api, folder)
        command = [str(kubectl), f"--kubeconfig={kubeconfig}"]
        _prepare(command, crds)
        pods = Pods(command, Path(echo), folder)
        threading.Thread(target=pods.run, daemon=True).start()
        ours = _controller(kubeconfig, folder)
        try:
            return _suite(suite, kubeconfig, arguments)
        finally:
            ours.terminate()
            ours.wait()
            pods.end()


def _kubeconfig(api: RealApiServer, folder: Path) -> Path:
    cluster = api.cluster
    user = {"client-certificate": cluster.certificate_file, "client-key": cluster.key_file}
    server = {"server": cluster.server, "certificate-authority": cluster.ca_file}
    written = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(written))
    return path


def _prepare(kubectl: list[str], crds: str) -> None:
    """All of the network is local, so each of its addresses can be a Gateway's."""
    _run("ip", "address", "add", ADDRESSES, "dev", "lo")
    _run(*kubectl, "apply", "--server-side", "-f", crds)
    made = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "polpo"},
        "spec": {"controllerName": CONTROLLER},
    }
    subprocess.run([*kubectl, "apply", "-f", "-"], input=json.dumps(made).encode(), check=True)


def _controller(kubeconfig: Path, folder: Path) -> subprocess.Popen[bytes]:
    options = [f"--kubeconfig={kubeconfig}", f"--gateway-addresses={ADDRESSES}"]
    options += [f"--place={folder / 'haproxy'}", "--http-port=18080", "--https-port=18443"]
    options += ["--metrics-port=0", "--grace=1", "--lease-namespace=default", "--threads=1"]
    with Path(os.environ.get("POLPO_INGRESS_LOG", "/dev/null")).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "polpo.apps.ingress", *options], stdout=log, stderr=log
        )


def _suite(suite: str, kubeconfig: Path, arguments: list[str]) -> int:
    given = [
        "-gateway-class=polpo",
        f"-supported-features={','.join(FEATURES)}",
        f"-conformance-profiles={PROFILES}",
        f"-usable-address={ADDRESSES.rpartition('.')[0]}.60",
        f"-unusable-address={UNUSABLE}",
        "-organization=polpo",
        "-project=polpo",
        "-url=https://example.com/polpo",
        "-version=development",
        "-contact=example.com",
    ]
    if not arguments:
        given += [f"-report-output={REPORT}"]
    command = [
        suite,
        "-test.run=^TestConformance$",
        "-test.v",
        "-test.timeout=60m",
        *given,
        *arguments,
    ]
    environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, env=environment, check=False).returncode


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
