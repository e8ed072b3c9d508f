"""Follows the controller's feed for ever: reconnects, records, and tells the loop what moved."""

import asyncio
import random
from collections.abc import Callable

import msgspec
import structlog

from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.agent.target import Target
from polpo.agent.target_file import TargetFile
from polpo.target import wire
from polpo.target.wire import Line

FIRST_S, LAST_S = 0.1, 5.0
REFUSED_S = 10.0  # a wrong token does not mend itself

Moved = Callable[[list[Line]], None]


class Feed:
    """`moved` is called after each batch that changed something, `word` after every one.

    `cuts` counts reconnects; `refused` says why the controller does not tell, or what was not
    understood, until it has told something again.
    """

    def __init__(
        self,
        controller: Controller,
        target: Target,
        file: TargetFile,
        moved: Moved,
        word: Callable[[], None],
    ) -> None:
        self._controller, self._target, self._file = controller, target, file
        self._moved, self._word = moved, word
        self._wait_s = FIRST_S
        self._raw: list[bytes] = []  # the text of the batch that is being said
        self.connected = False
        self.cuts = 0
        self.refused: str | None = None
        self._log = structlog.get_logger("polpo.agent")

    async def follow(self) -> None:
        """Never returns. The kernel goes on as it is while the controller is away."""
        while True:
            reason, wait_s = await self._one_stream()
            self.cuts += 1
            self.connected = False
            self._log.warning("feed lost", reason=reason, again_in_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)

    async def _one_stream(self) -> tuple[str, float]:
        """Read until it ends; answers why, and how long to wait."""
        self._raw.clear()
        self._target.forget_half_said()
        try:
            await self._read()
            return "the stream ended", self._backoff()
        except Unreachable as e:
            return str(e), self._backoff()
        except Refused as e:
            self.refused = f"{e.status}: {e}"
            return self.refused, REFUSED_S if e.status in (401, 403) else self._backoff()
        except msgspec.MsgspecError as e:
            self.refused = f"not understood: {e}"
            return self.refused, self._backoff()

    def _backoff(self) -> float:
        wait_s = self._wait_s
        self._wait_s = min(LAST_S, 2 * wait_s)
        return wait_s * random.uniform(0.5, 1.0)

    async def _read(self) -> None:
        rest = b""
        async for piece in self._controller.feed(self._target.revision):
            *lines, rest = (rest + piece).split(b"\n")
            for text in lines:
                self._hear(text)

    def _hear(self, text: bytes) -> None:
        before = self._target.revision
        batch = self._target.hear(wire.decode_line(text))
        self._raw.append(text + b"\n")
        if batch is None:
            return
        if batch or self._target.revision != before:
            self._file.append(b"".join(self._raw), self._target)
            self._moved(batch)
        elif self._file.trouble:
            self._file.append(b"", self._target)  # the disk may have room by now
        self._raw.clear()
        self._wait_s, self.connected, self.refused = FIRST_S, True, None
        self._word()
