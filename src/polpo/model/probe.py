"""Packets that are really sent, and followed through the hosts: `polpo trace --live`."""

from typing import ClassVar

import msgspec

from polpo.model.object import IndexEntry, Object


class ProbePlace(msgspec.Struct, frozen=True, order=True):
    """A host on the packet's way, and where it is looked for there."""

    host: str
    ports: tuple[str, ...] = ()
    gateways: tuple[int, ...] = ()


class Probe(Object, frozen=True, kw_only=True, omit_defaults=True):
    """Lives for some seconds. The host of the first place sends it, once it is `armed`.

    until   UTC, `2026-11-23T20:00:00Z`: if it is there later, its controller has died
    sender  id of the port that it is sent from
    frame   hexadecimal; `ending` is its last 16 bytes, which no other packet has
    """

    kind: ClassVar[str] = "probe"

    sender: str
    frame: str
    places: tuple[ProbePlace, ...]
    until: str
    armed: bool = False

    def index(self) -> tuple[IndexEntry, ...]:
        return tuple(("host", place.host) for place in self.places)

    @property
    def ending(self) -> str:
        return self.frame[-32:]
