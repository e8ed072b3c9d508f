"""Certificates that are files on the host: the project's own only, checked, and followed."""

import subprocess
from pathlib import Path

import pytest

from polpo.agent.balancer.mounted import Mounted

REF = "file:///web.pem"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    return tmp_path


def pem(name: str) -> bytes:
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    command = [*words.split(), "-subj", f"/CN={name}", "-keyout", "-", "-out", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def mounted(place: Path) -> Mounted:
    return Mounted(place, place / "copies")


def test_another_file_in_its_place_is_another_copy(place: Path) -> None:
    found = mounted(place)
    (place / "shop" / "web.pem").write_bytes(pem("one"))
    first = found.path("shop", REF)
    assert first is not None
    assert found.path("shop", REF) == first
    first.unlink()
    assert found.path("shop", REF) == first
    assert first.exists()
    (place / "shop" / "new").write_bytes(pem("two"))
    (place / "shop" / "new").rename(place / "shop" / "web.pem")
    second = found.path("shop", REF)
    assert second is not None
    assert second != first
    assert second.read_bytes() == (place / "shop" / "web.pem").read_bytes()
    assert found.kept() == {second}
    assert second.stat().st_mode & 0o777 == 0o600


def test_a_spoilt_one_is_told_of_and_the_former_one_stays(place: Path) -> None:
    found, path = mounted(place), place / "shop" / "web.pem"
    path.write_bytes(pem("one"))
    before = found.path("shop", REF)
    foreign = (
        pem("other").partition(b"-----BEGIN CERT")[0]
        + path.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]
    )
    for content in (b"", b"x", foreign, b"x" * (2 << 20)):
        path.write_bytes(content)
        assert found.path("shop", REF) == before
        assert (found.trouble("shop", REF) or "").startswith(REF)
    path.unlink()
    assert found.path("shop", REF) == before
    assert found.trouble("shop", REF) == f"{REF}: there is no such file"


def test_a_cas_certificate_has_no_key(place: Path) -> None:
    (place / "shop" / "ca.pem").write_bytes(pem("ca").partition(b"-----END PRIVATE KEY-----\n")[2])
    assert mounted(place).trouble("shop", "file:///ca.pem") is None


@pytest.mark.parametrize(
    ("project", "ref"),
    [
        ("shop", "file:///../mine/web.pem"),
        ("shop", "file:////etc/shadow"),
        ("shop", "file:///.hidden"),
        ("shop", "file:///"),
        ("shop", "file://web.pem"),
        ("", "file:///mine/web.pem"),
        ("..", REF),
        ("shop", "file:///web.pem\n"),
    ],
)
def test_nobody_names_what_is_not_the_projects_own(place: Path, project: str, ref: str) -> None:
    (place / "mine").mkdir()
    for at in (place / "mine" / "web.pem", place / "web.pem", place / "shop" / ".hidden"):
        at.write_bytes(pem("mine"))
    found = mounted(place)
    assert found.path(project, ref) is None
    assert found.trouble(project, ref)
    assert Mounted(None, place / "copies").trouble("shop", REF)
