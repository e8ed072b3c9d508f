"""What the agent does when it is not told: it stays where it is, and says why."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polpo.agent import feed as feeds
from polpo.agent.config import Config
from polpo.agent.controller import Controller, Refused
from polpo.agent.feed import Feed
from polpo.agent.target import Target
from polpo.agent.target_file import TargetFile
from polpo.target.rows import Host
from polpo.target.wire import RevisionLine, SliceLine, encode_line

ROWS = (Host("h1", "192.0.2.1"),)
TOLD = encode_line(SliceLine("hosts", full=True, rows=ROWS)) + encode_line(RevisionLine(1))
UNKNOWN = b'{"slice":"hosts","rows":[{"row":"of tomorrow"}]}\n' + encode_line(RevisionLine(2))


class Over(Exception):
    """There is no more to say."""


class Scripted(Controller):
    """Says one thing to each stream."""

    def __init__(self, *streams: bytes | Refused) -> None:
        config = Config("h1", "http://127.0.0.1:1", "no-token", "192.0.2.1")
        super().__init__(config)
        self._streams = list(streams)

    async def feed(self, since: int) -> AsyncIterator[bytes]:
        if not self._streams:
            raise Over
        said = self._streams.pop(0)
        if isinstance(said, Refused):
            raise said
        yield said


async def follow(tmp_path: Path, *streams: bytes | Refused) -> tuple[Target, Feed]:
    target, controller = Target("h1"), Scripted(*streams)
    file = TargetFile(tmp_path / "target")
    feed = Feed(controller, target, file, lambda batch: None, lambda: None)
    with pytest.raises(Over):
        await feed.follow()
    await controller.close()
    return target, feed


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "FIRST_S", 0.0)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refused(409, "upgrade polpo on h1"), "409: upgrade polpo on h1"),
        (UNKNOWN, "not understood: Invalid value 'of tomorrow' - at `$.rows[...][...]`"),
    ],
)
async def test_what_is_refused_or_not_understood_changes_nothing_and_is_told(
    refusal: bytes | Refused, words: str, tmp_path: Path
) -> None:
    target, feed = await follow(tmp_path, TOLD, refusal)
    assert (target.revision, target.hosts()) == (1, ["192.0.2.1"])
    assert feed.refused is not None
    assert feed.refused.startswith(words[:40])


async def test_it_is_forgotten_when_the_controller_tells_again(tmp_path: Path) -> None:
    target, feed = await follow(tmp_path, Refused(409, "upgrade"), TOLD)
    assert (target.revision, feed.refused) == (1, None)
