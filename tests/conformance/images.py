"""What upstream's tests run in pods, made here under the names that they ask for.

agnhost's own image is Alpine's; ours has the same tools from Debian.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from polpo.image import archive, libraries
from polpo.image.archive import Image
from polpo.image.layers import Entry, folder, layer
from polpo.lab.command import inside, run
from polpo.lab.kubernetes.certificates import Authority
from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.kubernetes.node import ctr
from polpo.lab.kubernetes.programs import Programs

REGISTRY = "registry.k8s.io"
AGNHOST = tuple(f"{REGISTRY}/e2e-test-images/agnhost:{v}" for v in ("2.63.0", "2.55", "2.45"))
BUSYBOX = (
    f"{REGISTRY}/e2e-test-images/busybox:1.37.0-1",
    f"{REGISTRY}/e2e-test-images/busybox:1.36.1-1",
)
PAUSE = (f"{REGISTRY}/pause:3.10.2",)
GLIBC = (f"{REGISTRY}/e2e-test-images/glibc-dns-testing:2.0.0",)
TOOLS = {
    "getent": "getent",
    "sh": "dash",
    "bash": "bash",
    "nc": "nc.openbsd",
    "curl": "curl",
    "dig": "dig",
    "ip": "ip",
    "wget": "wget",
}
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def put(at: Kubernetes, programs: Programs, agnhost: str, sctp: str = "") -> None:
    """On all nodes. `sctp`: the agnhost that is asked first, if any."""
    path = at.lab.folder / "conformance.tar"
    write(path, programs["busybox"], agnhost, sctp)
    for node in at.nodes:
        words = (*ctr(node, programs), "images", "import", str(path))
        run(*inside(node.host.netns, *words), timeout_s=300)
    path.unlink()


def write(path: Path, busybox: str, agnhost: str, sctp: str = "") -> None:
    small = layer(_busybox(busybox, without=()))
    programs = _tools(agnhost, sctp)
    large = layer([*_busybox(busybox, without=TOOLS), *programs, *_certificate(path.parent)])
    env = {"Env": ["PATH=/usr/local/bin:/bin:/sbin"], "WorkingDir": "/"}
    images = [
        Image(BUSYBOX, (small,), {**env, "Cmd": ["sh"]}),
        Image(PAUSE, (small,), {**env, "Cmd": ["/bin/sleep", "2147483647"]}),
        Image(GLIBC, (large,), {**env, "Cmd": ["sh"]}),
        Image(AGNHOST, (large,), {**env, "Entrypoint": ["/agnhost"], "Cmd": ["pause"]}),
    ]
    archive.write(path, images)


def _busybox(busybox: str, without: object) -> Iterator[Entry]:
    said = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    yield Entry("bin/busybox", Path(busybox).read_bytes(), mode=0o755)
    yield from (folder(name) for name in ("proc", "sys", "dev", "root", "var", "run"))
    yield folder("tmp", 0o1777)
    yield from (Entry(path, text.encode()) for path, text in ETC.items())
    for applet in said.stdout.split():
        if applet != "busybox" and applet not in without:  # type: ignore[operator]
            yield Entry(f"bin/{applet}", link="busybox")


def _tools(agnhost: str, sctp: str) -> Iterator[Entry]:
    found = {name: Path(str(shutil.which(program))) for name, program in TOOLS.items()}
    for name, file in found.items():
        yield Entry(f"bin/{name}", file.read_bytes(), mode=0o755)
    for name, file in libraries.libraries(found.values()):
        where = name.lstrip("/") if "/" in name else f"lib/x86_64-linux-gnu/{name}"
        yield Entry(where, file.read_bytes(), mode=0o755)
    yield Entry("agnhost.upstream" if sctp else "agnhost", Path(agnhost).read_bytes(), mode=0o755)
    if sctp:
        yield Entry("agnhost", Path(sctp).read_bytes(), mode=0o755)


def _certificate(folder: Path) -> Iterator[Entry]:
    """What `agnhost porter` shows to those who ask by TLS."""
    pair = Authority(folder / "agnhost-pki").issue("localhost", at=("localhost",))
    yield Entry("localhost.crt", pair.certificate.read_bytes())
    yield Entry("localhost.key", pair.key.read_bytes())
