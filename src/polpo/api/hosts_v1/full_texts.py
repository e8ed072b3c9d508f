"""Shared slices whole, as text: compiled once, and kept up by the batches that come after."""

import asyncio

from polpo.api.hosts_v1.batch import Batch
from polpo.api.hosts_v1.text import full_text
from polpo.compiler import slices


class _Text:
    """The lines of a slice at a batch: `lines` from its beginning, then what changed since."""

    def __init__(self, at: Batch, lines: list[bytes]) -> None:
        self.at, self.lines = at, lines
        self._left = sum(map(len, lines)) // 2 + 4096

    def advance(self, slice: str) -> bool:
        """Go on to the newest batch; False when it would be cheaper to begin anew."""
        if self.at.lost:
            return False
        for batch in self.at.later():
            self.at = batch
            if text := batch.texts.get(slice):
                self.lines = [*self.lines, text]  # streams may be sending the older list
                self._left -= len(text)
        return self._left > 0


class FullTexts:
    """One compilation for all who ask for the same slice at the same time."""

    def __init__(self) -> None:
        self._texts: dict[str, asyncio.Future[_Text]] = {}

    async def lines(self, slice: str, head: Batch) -> list[bytes]:
        """The slice at `head` or later. What is said twice then does no harm: rows replace rows."""
        known = self._texts.get(slice)
        if known is None or (known.done() and not known.result().advance(slice)):
            known = self._texts[slice] = asyncio.ensure_future(_compile(slice, head))
            known.add_done_callback(lambda future: self._forget_failure(slice, future))
        text = await asyncio.shield(known)
        text.advance(slice)
        return text.lines

    def prune(self, head: Batch) -> None:
        """Forget slices of networks and routers that are gone."""
        for slice in list(self._texts):
            if not slices.is_there(head.view, slice):
                del self._texts[slice]

    def _forget_failure(self, slice: str, future: asyncio.Future[_Text]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._texts.pop(slice, None)


async def _compile(slice: str, batch: Batch) -> _Text:
    def text() -> list[bytes]:
        return full_text(slice, slices.shared_slice(batch.view, slice))

    return _Text(batch, await asyncio.to_thread(text))
