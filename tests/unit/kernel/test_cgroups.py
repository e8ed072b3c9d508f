"""Groups with a limit of memory, by files as the kernel shows them (of v1, the real ones are in
tests/netns/balancer).
"""

from pathlib import Path

import pytest

from polpo.kernel.cgroups import Groups, find, whole

LINE = "31 23 0:28 {root} {at} rw,relatime - {kind} {kind} rw{options}\n"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    (tmp_path / "own").write_text("9:name=systemd:/\n4:memory:/box/agent\n0::/\n")
    return tmp_path


def shown(kernel: Path, kind: str, options: str = "", root: str = "/") -> Groups | None:
    line = LINE.format(root=root, at=kernel / "cgroup", kind=kind, options=options)
    (kernel / "mounts").write_text("1 2 0:3 / /proc rw - proc proc rw\n" + line)
    return find(kernel / "mounts", kernel / "own")


def test_with_v1_ours_are_below_the_agents_own(kernel: Path) -> None:
    found = shown(kernel, "cgroup", ",memory")
    assert found == Groups(kernel / "cgroup/box/agent/polpo", "memory.limit_in_bytes")


def test_of_a_container_s_view_its_root_is_left_out(kernel: Path) -> None:
    found = shown(kernel, "cgroup", ",memory", root="/box")
    assert found == Groups(kernel / "cgroup/agent/polpo", "memory.limit_in_bytes")


def test_with_v2_ours_are_at_the_top_and_memory_is_divided(kernel: Path) -> None:
    top = kernel / "cgroup"
    (top / "polpo" / "a").mkdir(parents=True)
    (top / "cgroup.controllers").write_text("cpu memory pids\n")
    found = shown(kernel, "cgroup2")
    assert found == Groups(top / "polpo", "memory.max")
    found.put("a", 1 << 20)
    for group in (top, top / "polpo"):
        assert (group / "cgroup.subtree_control").read_text() == "+memory"
    assert found.limit_bytes("a") == 1 << 20
    assert found.names() == ["a"]


def test_a_kernel_that_limits_no_memory_has_none(kernel: Path) -> None:
    assert shown(kernel, "cgroup", ",cpu") is None
    assert shown(kernel, "cgroup2") is None


def test_what_is_not_there_has_no_limit_and_no_members(kernel: Path) -> None:
    groups = Groups(kernel / "nowhere", "memory.max")
    assert groups.limit_bytes("a") is None
    assert groups.members("a") == frozenset()
    assert groups.names() == []
    groups.remove("a")


def test_limits_are_whole_pages() -> None:
    assert whole(8193) == 8192
