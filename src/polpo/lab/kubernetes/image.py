"""Images for pods, made of Debian's static busybox: no registry is asked."""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

PAUSE, BOX = "polpo.example/pause:1", "polpo.example/box:1"
FOLDERS = ("bin", "etc", "proc", "root", "sys", "tmp", "var", "www")


def write_images(path: Path, busybox: str) -> None:
    """One archive with both, in the form of `docker save`, which `ctr images import` reads."""
    layer = _layer(busybox)
    digest = hashlib.sha256(layer).hexdigest()
    commands = {PAUSE: ["/bin/sleep", "2147483647"], BOX: ["/bin/sh"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        _add(archive, f"{digest}/layer.tar", layer)
        manifest = []
        for name, command in commands.items():
            text = json.dumps(_config(digest, command)).encode()
            config = f"{hashlib.sha256(text).hexdigest()}.json"
            _add(archive, config, text)
            layers = [f"{digest}/layer.tar"]
            manifest.append({"Config": config, "RepoTags": [name], "Layers": layers})
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _config(layer: str, command: list[str]) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": command, "Env": ["PATH=/bin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created_by": "polpo lab"}],
    }


def _layer(busybox: str) -> bytes:
    """All of its applets, as links to it."""
    said = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as layer:
        for folder in FOLDERS:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            layer.addfile(info)
        _add(layer, "bin/busybox", Path(busybox).read_bytes(), 0o755)
        _add(layer, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        _add(layer, "etc/group", b"root:x:0:\n")
        for applet in said.stdout.split():
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            if applet != "busybox":
                layer.addfile(link)
    return text.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))
