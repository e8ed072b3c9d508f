"""Images for pods, without a registry: an archive that `ctr images import` reads."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from polpo.lab.kubernetes.image import BOX, PAUSE, write_images


def written(tmp_path: Path) -> dict[str, bytes]:
    busybox = tmp_path / "busybox"
    busybox.write_text("#!/bin/sh\nprintf 'busybox\\nsh\\nls\\n'\n")
    busybox.chmod(0o755)
    write_images(tmp_path / "images" / "images.tar", str(busybox))
    with tarfile.open(tmp_path / "images" / "images.tar") as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def test_both_images_have_the_layer_that_their_configuration_names(tmp_path: Path) -> None:
    files = written(tmp_path)
    manifest: list[dict[str, Any]] = json.loads(files["manifest.json"])
    assert [image["RepoTags"] for image in manifest] == [[PAUSE], [BOX]]
    for image in manifest:
        config = json.loads(files[image["Config"]])
        layer = files[image["Layers"][0]]
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_layer_has_busybox_and_links_to_it(tmp_path: Path) -> None:
    files = written(tmp_path)
    text = next(content for name, content in files.items() if name.endswith("layer.tar"))
    with tarfile.open(fileobj=io.BytesIO(text)) as layer:
        assert layer.getmember("bin/busybox").mode == 0o755
        links = {m.name: m.linkname for m in layer if m.issym()}
    assert links == {"bin/sh": "busybox", "bin/ls": "busybox"}
