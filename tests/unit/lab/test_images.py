"""Small images for pods, without a registry."""

import io
import json
import tarfile
from pathlib import Path

from polpo.lab.kubernetes.image import BOX, PAUSE, write_boxes


def test_boxes_are_busybox_and_links_to_it(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_text("#!/bin/sh\nprintf 'busybox\\nsh\\nls\\n'\n")
    busybox.chmod(0o755)
    write_boxes(tmp_path / "images" / "boxes.tar", str(busybox))
    with tarfile.open(tmp_path / "images" / "boxes.tar") as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]
    assert [i["RepoTags"] for i in json.loads(files["manifest.json"])] == [[PAUSE], [BOX]]
    text = next(content for name, content in files.items() if name.endswith("layer.tar"))
    with tarfile.open(fileobj=io.BytesIO(text)) as layer:
        assert layer.getmember("bin/busybox").mode == 0o755
        links = {m.name: m.linkname for m in layer if m.issym()}
    assert links == {"bin/sh": "busybox", "bin/ls": "busybox"}
