"""The import contracts hold (make check runs them), and each of them bites."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = {
    "Layers, top to bottom": ("model/network.py", "import polpo.store.store"),
    "What thinks does no I/O": ("target/rows.py", "import time"),
    "Only the kernel package makes system calls": ("agent/__init__.py", "import ctypes"),
    "Only the store speaks SQL": ("api/context.py", "import sqlalchemy"),
    "The tables are private to the store": ("api/context.py", "import polpo.store.tables"),
    "No cycles anywhere": (
        "target/__init__.py",
        "import polpo.model.kinds\nimport polpo.target.wire",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its settings, to be spoilt."""
    shutil.copytree(ROOT / "src", tmp_path, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(
    contract: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(copy))
    file, line = PLANTED[contract]
    path = copy / "polpo" / file
    path.write_text(f"{path.read_text()}\n{line}\n")
    if contract == "No cycles anywhere":
        model = copy / "polpo/model/object.py"
        model.write_text(f"{model.read_text()}\nimport polpo.model.kinds\n")
    report = lint(copy)
    assert report.returncode == 1, report.stdout
    broken = [text for text in report.stdout.splitlines() if " BROKEN" in text]
    assert any(text.startswith(contract) for text in broken), report.stdout


def test_a_new_package_must_be_given_its_place(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(copy))
    (copy / "polpo/utils").mkdir()
    (copy / "polpo/utils/__init__.py").touch()
    report = lint(copy)
    assert report.returncode == 1
    assert "polpo.utils" in report.stdout
