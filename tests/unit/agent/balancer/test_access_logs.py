"""Logs of load balancers on a host: turned when long, gone with their load balancers."""

from pathlib import Path

import pytest

from polpo.agent.balancer import access_logs
from polpo.agent.balancer.access_logs import AccessLogs, turn


def test_a_long_one_is_turned_and_whoever_appends_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_logs, "MOST_BYTES", 5)
    logs, path = AccessLogs(tmp_path), tmp_path / "a.log"
    with path.open("a", buffering=1) as appending:
        appending.write("before\n")
        assert logs.long() == [path]
        turn(path)
        appending.write("x\n")
    assert (Path(f"{path}.1").read_text(), path.read_text()) == ("before\n", "x\n")
    assert logs.long() == []


def test_those_of_load_balancers_that_are_gone_go(tmp_path: Path) -> None:
    names = ("a.log", "a.log.1", "b.log", "b.log.1")
    for name in names:
        (tmp_path / name).touch()
    AccessLogs(tmp_path).keep_only({"b.log"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log", "b.log.1"]


def test_where_nothing_was_ever_written_there_is_nothing_to_do(tmp_path: Path) -> None:
    logs = AccessLogs(tmp_path / "never")
    logs.keep_only(set())
    assert logs.long() == []
