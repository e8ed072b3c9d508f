"""Follows packets for `polpo trace --live`: looks for them where they may pass, sends its own.

A `Probe` row says by which 16 bytes at the end of its frame a packet is known, and where to look:
at ports, in the tunnel, outside of gateways. What was seen is in the status (`sighted`). A row that
is gone takes everything with it. It is sent once, when the row becomes armed: not by an agent that
finds it armed already, which may have sent it before it was restarted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

import msgspec
import structlog

from polpo.agent.gateway.instances import Instance
from polpo.agent.ownership import EXTERNAL, TUNNEL
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.kernel import netns
from polpo.kernel.watches import Watch
from polpo.target.probe_row import Probe

LOOKS_S = (0.1, 0.3, 1.0)
"""When to say what was dropped, after a probe is armed: nothing wakes us for a drop."""


class Injector(Protocol):
    def inject(self, ifindex: int, frame: bytes) -> None: ...


class _Followed(msgspec.Struct):
    """One packet: the row, what looks for it, where it was seen.

    dropped  by reason, before it was sent: it may be here before we hear that it is on its way
    """

    row: Probe
    watches: list[Watch] = []
    seen: set[str] = set()
    dropped: dict[str, int] = {}


class Probes:
    """`look` when something was written. `tell` has the status said."""

    def __init__(
        self,
        target: Target,
        ports: Mapping[str, Wired],
        gateways: Mapping[int, Instance],
        index: Callable[[str], int],
        injector: Injector,
        drops: Callable[[], dict[str, int]],
        tell: Callable[[], None],
    ) -> None:
        self._target, self._ports, self._gateways = target, ports, gateways
        self._index, self._injector = index, injector
        self._drops, self._tell = drops, tell
        self._followed: dict[str, _Followed] = {}
        self._log = structlog.get_logger("polpo.agent")

    def look(self) -> None:
        rows = {row.id: row for row in self._target.probes.of(self._target.host_slice)}
        for id in self._followed.keys() - rows.keys():
            self._forget(self._followed.pop(id))
        for id, row in rows.items():
            if id not in self._followed:
                self._followed[id] = self._follow(row)
            followed = self._followed[id]
            if row.armed and not followed.row.armed:
                self._tell_often()
            if row.frame and not followed.row.frame:
                self._send(followed, row)
            followed.row = row

    def sighted(self) -> tuple[tuple[str, str], ...]:
        """(probe, place)"""
        found = ((id, place) for id, f in self._followed.items() for place in self._places(f))
        return tuple(sorted(found))

    def _places(self, followed: _Followed) -> set[str]:
        if not followed.row.armed:
            return followed.seen
        now, before = self._drops(), followed.dropped
        moved = {f"dropped/{reason}" for reason, n in now.items() if n > before.get(reason, 0)}
        return followed.seen | moved

    def _follow(self, row: Probe) -> _Followed:
        followed = _Followed(row, dropped=self._drops())
        ending = bytes.fromhex(row.ending)
        for where, device, out, into in self._posts(row):
            with contextlib.suppress(OSError):  # a device or namespace that is not there sees none
                make = partial(Watch, device, ending)
                watch = netns.inside(where, make) if where else make()
                followed.watches.append(watch)
                seen = partial(self._seen, followed, watch, {True: out, False: into})
                asyncio.get_running_loop().add_reader(watch.fileno(), seen)
        return followed

    def _posts(self, row: Probe) -> Iterator[tuple[str, str, str, str]]:
        """(namespace, device, place of what goes out there, place of what comes in)"""
        yield "", TUNNEL, "out", "in"
        for device, (port, plug) in self._ports.items():
            if port.id in row.ports:
                here = plug.kind == "tap"
                yield "", device, f"to/{port.id}" if here else "", "sent"
                if not here:
                    yield plug.netns, plug.device, "", f"to/{port.id}"
        for vni in row.gateways:
            if vni in self._gateways:
                yield self._gateways[vni].netns, EXTERNAL, f"left/{vni}", ""

    def _seen(self, followed: _Followed, watch: Watch, places: Mapping[bool, str]) -> None:
        for outgoing in watch.read():
            if places[outgoing]:
                followed.seen.add(places[outgoing])
        self._tell()

    def _tell_often(self) -> None:
        for delay_s in LOOKS_S:
            asyncio.get_running_loop().call_later(delay_s, self._tell)

    def _send(self, followed: _Followed, row: Probe) -> None:
        devices = [device for device, (port, _) in self._ports.items() if port.id == row.sender]
        try:
            for device in devices:
                self._injector.inject(self._index(device), bytes.fromhex(row.frame))
        except (OSError, ValueError) as e:
            self._log.warning("probe not sent", probe=row.id, port=row.sender, reason=str(e))

    def _forget(self, followed: _Followed) -> None:
        for watch in followed.watches:
            asyncio.get_running_loop().remove_reader(watch.fileno())
            watch.close()
