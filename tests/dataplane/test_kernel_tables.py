"""Tables in the kernel: in bulk, pinned, and clear about what went wrong."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.dataplane.tables import Drop
from polpo.kernel import bpf
from polpo.kernel.libbpf import BpfError

SMALL = {"flows": 64, "fdb": 1024, "neighbours": 64, "moved": 64, "moved_fdb": 64, "vteps": 8}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    mounted = tmp_path / "bpf"
    bpf.mount(mounted)
    bpf.mount(mounted)  # once is enough
    yield mounted
    bpf.unmount(mounted)


def keys(count: int) -> dict[bytes, bytes]:
    return {n.to_bytes(12, "little"): n.to_bytes(32, "big") for n in range(count)}


def test_what_was_put_is_read_and_removed(directory: Path) -> None:
    fdb = bpf.load(directory, sizes=SMALL).tables["fdb"]
    fdb.put(keys(1000))
    assert fdb.read() == keys(1000)
    assert fdb.get(bytes(12)) == bytes(32)
    fdb.put({bytes(12): b"x" * 32})
    assert fdb.get(bytes(12)) == b"x" * 32
    fdb.remove(keys(999))
    fdb.remove(keys(3))  # gone already
    assert fdb.read() == dict(list(keys(1000).items())[999:])
    assert fdb.get(bytes(12)) is None


def test_a_full_table_says_so(directory: Path) -> None:
    vteps = bpf.load(directory, sizes=SMALL).tables["vteps"]
    with pytest.raises(BpfError, match="vteps: table is full") as caught:
        vteps.put({n.to_bytes(16, "big"): bytes(4) for n in range(20)})
    assert caught.value.errno == errno.E2BIG


def test_a_restarted_agent_finds_its_tables(directory: Path) -> None:
    before = bpf.load(directory, sizes=SMALL)
    before.tables["fdb"].put(keys(10))
    before.close()
    after = bpf.load(directory, sizes=SMALL)
    assert after.directory == before.directory
    assert after.tables["fdb"].read() == keys(10)
    assert after.programs["from_port"].label == before.programs["from_port"].label
    assert after.programs["from_port"].path.exists()
    after.close()


def test_another_layout_begins_anew_beside_the_old_one(directory: Path) -> None:
    before = bpf.load(directory, sizes=SMALL)
    before.tables["fdb"].put(keys(10))
    after = bpf.load(directory, sizes={**SMALL, "fdb": 2048})
    assert not after.tables["fdb"].read()
    assert after.programs["from_port"].label != before.programs["from_port"].label
    assert bpf.stale(directory, after) == [before.directory]
    bpf.unpin(before.directory)
    assert not bpf.stale(directory, after)


def test_counters_are_summed_over_all_cpus(directory: Path) -> None:
    drops = bpf.load(directory, sizes=SMALL).tables["drops"]
    assert set(drops.sum().values()) == {(0,)}
    assert len(drops.sum()) == len(Drop) + 1
