"""Images in one file, in the form of `docker save`: what `ctr images import`, `docker load`,
`podman load` and `skopeo copy docker-archive:` read."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Image(msgspec.Struct, frozen=True):
    """`settings` are the image's, as its users see them: Cmd, Entrypoint, Env, User..."""

    tags: tuple[str, ...]
    layers: tuple[bytes, ...]
    settings: dict[str, Any]


def write(path: Path, images: Sequence[Image]) -> None:
    """A layer of several images is written once. The file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    written: set[str] = set()
    with tarfile.open(part, "w") as archive:
        manifest = [_add_image(archive, image, written) for image in images]
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    part.rename(path)


def _add_image(archive: tarfile.TarFile, image: Image, written: set[str]) -> dict[str, Any]:
    digests = [hashlib.sha256(layer).hexdigest() for layer in image.layers]
    for digest, layer in zip(digests, image.layers, strict=True):
        if digest not in written:
            _add(archive, f"{digest}/layer.tar", layer)
            written.add(digest)
    text = json.dumps(_config(digests, image.settings)).encode()
    config = f"{hashlib.sha256(text).hexdigest()}.json"
    if config not in written:
        _add(archive, config, text)
        written.add(config)
    layers = [f"{digest}/layer.tar" for digest in digests]
    return {"Config": config, "RepoTags": list(image.tags), "Layers": layers}


def _config(digests: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    machine = os.uname().machine
    return {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": "polpo"} for _ in digests],
    }


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
