"""Whose turn it is among sessions, where the kernel asks."""

import subprocess
from pathlib import Path

import pytest

from polpo.kernel import processes


def test_a_session_goes_first(request: pytest.FixtureRequest) -> None:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    request.addfinalizer(process.wait)
    request.addfinalizer(process.kill)
    said = Path(f"/proc/{process.pid}/autogroup")
    if not said.exists():
        pytest.skip("this kernel has no autogroups")
    processes.go_first(process.pid)
    assert said.read_text().split()[-1] == "-20"


def test_nobody_is_no_error() -> None:
    processes.go_first(1 << 30)
