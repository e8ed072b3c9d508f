"""Images for pods: Debian's static busybox, and polpo's own; no registry is asked."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from polpo.image import archive, build
from polpo.image.archive import Image
from polpo.image.layers import Entry, folder, layer

PAUSE, BOX = "polpo.example/pause:1", "polpo.example/box:1"
POLPO = "polpo:lab"
FOLDERS = ("bin", "etc", "proc", "root", "sys", "var", "www")


def write_boxes(path: Path, busybox: str) -> None:
    """One archive with both."""
    layers = (layer(_entries(busybox)),)
    commands = {PAUSE: ["/bin/sleep", "2147483647"], BOX: ["/bin/sh"]}
    settings = {"Env": ["PATH=/bin"], "WorkingDir": "/"}
    images = [Image((tag,), layers, {**settings, "Cmd": cmd}) for tag, cmd in commands.items()]
    archive.write(path, images)


def polpo_of_now() -> str:
    """The name of polpo's image that says what is in it; `POLPO` is the one made last."""
    return f"polpo.example/polpo:{build.fingerprint()[:12]}"


def write_polpo(path: Path) -> None:
    build.build(path, (POLPO, polpo_of_now()), build.cache())


def _entries(busybox: str) -> Iterator[Entry]:
    """All of its applets, as links to it."""
    said = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    yield from map(folder, FOLDERS)
    yield folder("tmp", 0o1777)
    yield Entry("bin/busybox", Path(busybox).read_bytes(), mode=0o755)
    yield Entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    yield Entry("etc/group", b"root:x:0:\n")
    for applet in said.stdout.split():
        if applet != "busybox":
            yield Entry(f"bin/{applet}", link="busybox")
