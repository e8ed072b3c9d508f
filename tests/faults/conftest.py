"""A controller to be harmed, and a disk to be filled."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.testing.controller_process import ControllerProcess


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ControllerProcess]:
    folder = tmp_path / "controller"
    folder.mkdir()
    process = ControllerProcess(folder)
    yield process
    process.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    shutil.rmtree(folder)
