"""The hosts file, read again when it has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet
from polpo.dns.plugins.hosts.entries import Line, read_lines
from polpo.dns.plugins.hosts.setup import ENTRIES, RELOADED, Hosts

LARGEST_BYTES = 32 * 1024 * 1024


class HostsFeed:
    """Ready when the file was read once: a file that is not there is an empty one."""

    def __init__(self, value: Hosts, outlet: Outlet) -> None:
        self._value = value
        self._outlet = outlet
        self._seen: tuple[float, int] = (-1.0, -1)
        self._lines: list[Line] = []
        self.ready = False
        self._look()

    def everything(self) -> Iterable[bytes]:
        return (msgspec.msgpack.encode(self._lines),)

    async def run(self) -> None:
        while self._value.reload_s:
            await asyncio.sleep(self._value.reload_s)
            if self._look():
                for message in self.everything():
                    self._outlet.send(message)

    def _look(self) -> bool:
        """Read the file if it is another than before. Has anything changed?"""
        path = Path(self._value.file)
        try:
            status = path.stat()
            seen = (status.st_mtime, status.st_size)
            text = (
                "" if seen == self._seen or seen[1] > LARGEST_BYTES else path.read_text("latin-1")
            )
        except OSError:
            seen, text = (0.0, 0), ""
        self.ready = True
        if seen == self._seen:
            return False
        self._seen = seen
        self._lines = read_lines(text)
        values, slot = self._outlet.counts.values, self._outlet.counts.slot
        count = sum(len(line.names) for line in (*self._lines, *self._value.lines))
        values[slot(ENTRIES.name)] = count
        values[slot(RELOADED.name)] = time.time()
        return True


def make_feed(value: Hosts, outlet: Outlet, block: ServerBlock) -> HostsFeed:
    return HostsFeed(value, outlet)
