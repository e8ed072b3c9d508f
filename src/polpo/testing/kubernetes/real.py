"""The real API server on loopback, with an etcd and certificates of a test's own.

Its programs are looked for, never built, by a test (tools/kubernetes/programs); etcd is Debian's.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from polpo.kube.configuration import Cluster
from polpo.kube.security import Credentials
from polpo.lab.kubernetes.certificates import Authority, Pair
from polpo.testing import free

PROGRAMS = Path(__file__).parents[4] / "tools/kubernetes/programs"
PATIENCE_S = 100.0
SERVICES = "10.254.0.0/16,fd00:254::/108"


def program(name: str) -> Path | None:
    """Where one of Kubernetes' programs is, if it is."""
    command = [str(PROGRAMS), "--find", name]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    return Path(path) if found.returncode == 0 and path else None


class RealApiServer:
    """`start` returns when it is ready. `stop` and `start` again: an API that was away."""

    def __init__(self, folder: Path, apiserver: Path) -> None:
        self._folder, self._apiserver = folder, apiserver
        self.port, self._etcd_port, self._peer_port = free.port(), free.port(), free.port()
        self._authority = Authority(folder)
        self._server = self._authority.issue("kube-apiserver", at=["127.0.0.1", "10.254.0.1"])
        self._admin = self._authority.issue("admin", groups=["system:masters"])
        self._etcd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def cluster(self) -> Cluster:
        """As one who may do anything."""
        return self.as_(self._admin)

    def as_(self, pair: Pair) -> Cluster:
        return Cluster(
            server=f"https://127.0.0.1:{self.port}",
            ca_file=str(self._authority.certificate),
            certificate_file=str(pair.certificate),
            key_file=str(pair.key),
        )

    def issue(self, name: str, *groups: str) -> Pair:
        """Somebody else's certificate."""
        return self._authority.issue(name, groups=groups)

    @property
    def files(self) -> tuple[str, str, str]:
        """Certificate, key and authority, as a Corefile's `tls` wants them."""
        pair = self._admin
        return str(pair.certificate), str(pair.key), str(self._authority.certificate)

    def start(self) -> None:
        if self._etcd is None:
            self._etcd = self._run("etcd", self._etcd_command())
        self._process = self._run("kube-apiserver", self._command())
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "kube-apiserver.log").read_text()[-3000:]
                raise RuntimeError(f"kube-apiserver does not start: {said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """The API server; etcd keeps what there is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        self.stop()
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()
            self._etcd = None

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            context = Credentials(self.cluster).context()
            url = f"https://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, context=context, timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)

    def _etcd_command(self) -> list[str]:
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        return etcd_alone("etcd", self._folder / "etcd", client, peer)

    def _command(self) -> list[str]:
        key = str(self._server.key)
        return [
            str(self._apiserver),
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self._authority.certificate}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICES}",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            f"--cert-dir={self._folder}",
        ]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RealApiServer | None]:
    """None where the programs are not to be had."""
    apiserver = program("kube-apiserver")
    if apiserver is None:
        yield None
        return
    server = RealApiServer(folder, apiserver)
    try:
        server.start()
        yield server
    finally:
        server.end()


def etcd_alone(program: str, folder: Path, client: str, peer: str) -> list[str]:
    """The command of one that has no peers: where it is, and who may ask it, by URL."""
    return [
        program,
        f"--data-dir={folder}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]
