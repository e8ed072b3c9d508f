"""What surrounds a pass, where nothing can be written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

from polpo.agent.patience import Patience
from polpo.agent.plugs import Plug, Plugs, own
from polpo.agent.target import Target
from polpo.agent.wanted import Wire, Wired
from polpo.agent.world import World


class Instance:
    """A network function whose one port is to be plugged."""

    all: ClassVar[Mapping[int, object]] = {}

    def look(self) -> None:
        """It is there already."""

    def plugs(self) -> Iterator[Plug]:
        yield own("p", "polpo-g-9", "t9")

    def wires(self, wires: dict[str, Wire], ports: Mapping[str, Wired]) -> dict[str, Wire]:
        return wires


def test_a_disk_that_is_full_is_told_and_ends_no_agent(tmp_path: Path) -> None:
    folder = tmp_path / "away"
    plugs, patience = Plugs(folder / "plugs.json"), Patience(lambda: 0.0)
    devices = SimpleNamespace(read=dict, visits=SimpleNamespace(look=lambda: None))
    world = World(Target("h1"), plugs, [Instance()], devices, patience)  # type: ignore[arg-type]
    world.look()
    world.tidy()
    assert "No such file" in (patience.failure("plug", "own") or "")
    folder.mkdir()
    world.look()
    assert patience.error() is None
    assert [plug.port for plug in plugs] == ["p"]
    leaving = Plugs(folder / "plugs.json")
    leaving.load()
    world = World(Target("h1"), leaving, [], devices, patience)  # type: ignore[arg-type]
    (folder / "plugs.json").rename(tmp_path / "kept")
    folder.rmdir()
    world.look()
    world.tidy()
    assert patience.error() is not None
