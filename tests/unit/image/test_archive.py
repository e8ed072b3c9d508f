"""Images and layers: what runtimes read, and the same bytes each time."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from polpo.image.archive import Image, write
from polpo.image.layers import Entry, folder, layer

FILES = [Entry("bin/tool", b"#!", mode=0o755), Entry("bin/t", link="tool"), folder("tmp", 0o1777)]


def files(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def test_a_layer_does_not_depend_on_the_order_in_which_it_is_told() -> None:
    assert layer(FILES) == layer(reversed(FILES))


def test_a_layer_has_folders_before_what_is_in_them() -> None:
    with tarfile.open(fileobj=io.BytesIO(layer(FILES))) as archive:
        assert archive.getnames() == ["bin", "bin/t", "bin/tool", "tmp"]
        assert archive.getmember("bin").isdir()
        assert archive.getmember("tmp").mode == 0o1777
        assert archive.getmember("bin/t").linkname == "tool"
        assert {(m.uid, m.mtime) for m in archive} == {(0, 0)}


def test_each_image_has_the_layers_that_its_configuration_names(tmp_path: Path) -> None:
    below, above = layer(FILES), layer([Entry("etc/x", b"1")])
    images = [Image(("a:1", "a:2"), (below, above), {"User": "1"}), Image(("b:1",), (below,), {})]
    write(tmp_path / "folder" / "images.tar", images)
    found = files(tmp_path / "folder" / "images.tar")
    manifest: list[dict[str, Any]] = json.loads(found["manifest.json"])
    assert [image["RepoTags"] for image in manifest] == [["a:1", "a:2"], ["b:1"]]
    for image in manifest:
        config = json.loads(found[image["Config"]])
        layers = [found[name] for name in image["Layers"]]
        digests = [f"sha256:{hashlib.sha256(text).hexdigest()}" for text in layers]
        assert config["rootfs"]["diff_ids"] == digests


def test_an_archive_is_whole_or_not_there(tmp_path: Path) -> None:
    write(tmp_path / "x.tar", [])
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]
