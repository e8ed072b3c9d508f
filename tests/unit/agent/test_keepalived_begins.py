"""When keepalived can be told something: its child hears last, and says so by a pid file."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.agent.pairs.keepalived import Keepalived
from polpo.runtime.clock import monotonic

VNI = 7


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """One that an agent before us has started: its own pid file is there, its child's not yet."""
    place = tmp_path / str(VNI)
    place.mkdir()
    command = [
        "/bin/sh",
        "-c",
        "echo; exec >&-; sleep 600; :",
        f"--use-file={place / 'keepalived.conf'}",
    ]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read()  # it is there: the kernel tells its command line a while after exec
    process.stdout.close()
    (place / "keepalived.pid").write_text(f"{process.pid}\n")
    yield place
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_one_whose_child_does_not_hear_yet_has_not_begun(place: Path) -> None:
    soon: list[int] = []
    keepalived = Keepalived(
        "keepalived",
        place.parent,
        {},
        guarded=lambda: {VNI},
        may_take_over=lambda _: True,
        may_begin=lambda: True,
        warm=lambda _: None,
        watch=lambda _: None,
        unwatch=lambda _: None,
        soon=lambda: soon.append(1),
        clock=monotonic,
    )
    assert VNI in keepalived.read_actual()
    assert not keepalived.runs(VNI)
    assert soon  # it is looked at again
    (place / "vrrp.pid").write_text("1\n")
    keepalived.read_actual()
    assert keepalived.runs(VNI)
