"""Plugs on disk: each is there before it is true, and what is spoilt is said."""

from pathlib import Path

import pytest

from polpo.agent.plugs import Plug, Plugs, Pod, SpoiltPlugs


def test_plugs_are_found_again(tmp_path: Path) -> None:
    plugs = Plugs(tmp_path / "plugs.json")
    plugs.load()
    plugs.put(Plug(port="p", kind="netns", device="eth0", netns="web"))
    again = Plugs(tmp_path / "plugs.json")
    again.load()
    assert list(again) == list(plugs)


def test_pods_are_forgotten_with_the_file_that_a_reboot_takes(tmp_path: Path) -> None:
    kept, gone = tmp_path / "plugs.json", tmp_path / "run.json"
    plugs = Plugs(kept, gone)
    vm = Plug(port="vm", kind="tap", device="tap0")
    pod = Plug(port="p", kind="netns", device="eth0", netns="n", pod=Pod(cluster="c", sandbox="s"))
    plugs.put(vm)
    plugs.put(pod)
    again = Plugs(kept, gone)
    again.load()
    assert list(again) == [vm, pod]
    gone.unlink()
    again.load()
    assert list(again) == [vm]


@pytest.mark.parametrize(
    "text", [b"", b'{"p": ', b'{"p": {"kind": "frob"}}', b"[]", b"\x00" * 64, b'{"p\xff": {}}']
)
def test_a_spoilt_file_is_named_with_what_to_do(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "plugs.json"
    file.write_bytes(text)
    with pytest.raises(SpoiltPlugs, match=f"{file}.*move it away and plug"):
        Plugs(file).load()
