"""Zone files, read again when they have another serial."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet
from polpo.dns.plugins.file.handler import Part
from polpo.dns.plugins.file.setup import File
from polpo.dns.plugins.transfer.notify import Target, notify
from polpo.dns.plugins.transfer.setup import told_of
from polpo.dns.wire.name import to_text
from polpo.dns.wire.record import Record, Type
from polpo.dns.wire.text import read_zone

IN_ONE_PART = 200  # records: decoded and filed in about a millisecond


class FileFeed:
    """Ready when each file was read once. One that is wrong is said, and served as it was."""

    ready = True

    def __init__(self, value: tuple[File, ...], outlet: Outlet, block: ServerBlock) -> None:
        self._files = value
        self._block = block
        self._telling: set[asyncio.Task[None]] = set()
        self._outlet = outlet
        self._zones: dict[bytes, list[Record]] = {}
        self._serials: dict[bytes, bytes] = {}
        for file in value:
            for zone in file.zones:
                self._read(file, zone)

    def everything(self) -> Iterator[bytes]:
        for zone in self._zones:
            yield from self._parts(zone)

    async def run(self) -> None:
        """Secondaries hear of each zone, too: it may have changed while nobody was here."""
        for zone in self._zones:
            self._tell_secondaries(zone)
        await asyncio.gather(*(self._watch(file) for file in self._files if file.reload_s))

    async def _watch(self, file: File) -> None:
        before = _mtime(file)
        while True:
            await asyncio.sleep(file.reload_s)
            now = _mtime(file)
            if now != before:
                before = now
                self.look(file)

    def look(self, file: File) -> None:
        """Read a file again, and send what has another serial."""
        for zone in file.zones:
            if self._read(file, zone):
                for message in self._parts(zone):
                    self._outlet.send(message)
                self._tell_secondaries(zone)

    def _tell_secondaries(self, zone: bytes) -> None:
        for target in told_of(self._block, zone):
            task = asyncio.ensure_future(self._tell(zone, target))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, zone: bytes, target: Target) -> None:
        if not await notify(zone, target):
            words = f"{target[0]} port {target[1]} has not heard of zone {to_text(zone)}"
            self._outlet.say(f"[ERROR] plugin/transfer: {words}")

    def _read(self, file: File, zone: bytes) -> bool:
        try:
            records = read_zone(Path(file.path), zone)
        except (OSError, ValueError) as failed:
            self._outlet.say(f"[ERROR] plugin/file: zone {to_text(zone)}: {failed}")
            return False
        serial = next(r.data[-20:-16] for r in records if r.type == Type.SOA)
        if self._serials.get(zone) == serial:
            return False
        self._serials[zone] = serial
        self._zones[zone] = records
        return True

    def _parts(self, zone: bytes) -> Iterable[bytes]:
        records = self._zones[zone]
        for at in range(0, max(len(records), 1), IN_ONE_PART):
            part = Part(zone, records[at : at + IN_ONE_PART], at + IN_ONE_PART >= len(records))
            yield msgspec.msgpack.encode(part)


def _mtime(file: File) -> float:
    try:
        return Path(file.path).stat().st_mtime
    except OSError:
        return 0.0


def make_feed(value: tuple[File, ...], outlet: Outlet, block: ServerBlock) -> FileFeed:
    return FileFeed(value, outlet, block)
