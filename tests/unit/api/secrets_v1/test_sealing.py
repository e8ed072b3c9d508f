"""Payloads at rest: one secret's stands for no other, and keys may be changed."""

import stat
from pathlib import Path

import pytest

from polpo.api.secrets_v1.sealing import Unopened, load


def test_only_its_own_id_opens_it(tmp_path: Path) -> None:
    seal = load(tmp_path / "keys")
    sealed = seal.close("a", b"secret")
    assert seal.open("a", sealed) == b"secret"
    with pytest.raises(Unopened):
        seal.open("b", sealed)


def test_the_key_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys"
    sealed = load(file).close("a", b"secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file).open("a", sealed) == b"secret"


def test_a_new_key_in_front_seals_and_the_old_ones_open(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    sealed = load(old).close("a", b"secret")
    load(new)
    both = tmp_path / "both"
    both.write_bytes(new.read_bytes() + old.read_bytes())
    assert load(both).open("a", sealed) == b"secret"
    with pytest.raises(Unopened):
        load(old).open("a", load(both).close("a", b"secret"))


@pytest.mark.parametrize("content", [b"", b"short", b"c2hvcnQ=\n", b"\xff\n"])
def test_a_spoilt_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="keys of 32 bytes"):
        load(file)
