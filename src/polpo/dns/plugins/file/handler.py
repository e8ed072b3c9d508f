"""Authoritative answers out of zones that control has read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from polpo.dns.plugin import Place
from polpo.dns.plugins.file.setup import File
from polpo.dns.plugins.file.zone import Zone
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.name import is_within, within_any
from polpo.dns.wire.record import Rcode, Record, Reply, Type

ALL = b"*"  # every answer out of files is about this: a new file changes whatever it likes
_TRANSFERS = frozenset({Type.AXFR, Type.IXFR})


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a zone on its way to a worker; the last one puts the whole in force."""

    zone: bytes
    records: list[Record]
    last: bool


def make(value: tuple[File, ...], next: Handler, place: Place) -> Handler:
    authority = Authority(value, next, place)
    place.fed("file", authority.take)
    place.provide("file", authority)
    return authority.handle


class Authority:
    def __init__(self, value: tuple[File, ...], next: Handler, place: Place) -> None:
        files = {zone: file for file in value for zone in file.zones}
        self._files = dict(sorted(files.items(), key=lambda item: -len(item[0])))
        self._next = next
        self._place = place
        self._zones: dict[bytes, Zone] = {}
        self._parts: dict[bytes, list[Record]] = {}

    def take(self, message: bytes) -> Iterable[bytes]:
        part = msgspec.msgpack.decode(message, type=Part)
        records = self._parts.setdefault(part.zone, [])
        records += part.records
        if not part.last:
            return ()
        self._zones[part.zone] = Zone(part.zone, self._parts.pop(part.zone))
        return (ALL,)

    def zone_records(self, name: bytes) -> tuple[Record, ...] | None:
        """For `transfer`: all of a zone, its SOA first; None if it is not here."""
        zone = self._zones.get(name)
        return None if zone is None or not zone.soa else zone.all_records()

    def handle(self, query: Query, answer: Answer) -> None:
        name = self._zone_of(query.name)
        if name is None:
            self._next(query, answer)
            return
        zone = self._zones.get(name)
        if zone is None or not zone.soa:
            answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="file"))
            return
        if query.type in _TRANSFERS:
            answer(Reply(Rcode.REFUSED, authoritative=False, plugin="file"))
            return
        self._answer(query, zone, self._files[name], answer)

    def _zone_of(self, name: bytes) -> bytes | None:
        """The longest zone that the name is within."""
        return next((zone for zone in self._files if is_within(name, zone)), None)

    def _answer(self, query: Query, zone: Zone, file: File, answer: Answer) -> None:
        found = zone.find(query.name, query.type)
        if found.referral:
            additional = zone.glue(found.referral)
            reply = Reply(0, found.answer, found.referral, additional, bool(found.answer))
        elif found.target:
            self._follow(query, found.answer, found.target, answer)
            return
        elif not found.exists:
            if within_any(query.name, file.through):
                self._next(query, answer)
                return
            reply = Reply(Rcode.NXDOMAIN, authority=zone.soa)
        elif not found.answer or found.answer[-1].type not in {query.type, *_whole(query.type)}:
            reply = Reply(0, found.answer, zone.soa)
        else:
            apex = query.type == Type.NS and query.name == zone.origin
            servers = () if apex else zone.servers
            additional = zone.glue((*found.answer, *servers))
            reply = Reply(0, found.answer, servers, additional)
        answer(reply._replace(about=(query.name, ALL), plugin="file"))

    def _follow(
        self, query: Query, aliases: tuple[Record, ...], target: bytes, answer: Answer
    ) -> None:
        """An alias that leads out of the zone: what the server itself says about its target."""

        def answered(reply: Reply) -> None:
            reply = opened(reply)
            rest = reply.answer if reply.rcode == 0 else ()
            ttl_s = min((r.ttl_s for r in rest), default=1) or 1
            answer(Reply(0, (*aliases, *rest), ttl_s=min(ttl_s, 1), plugin="file"))

        query.keep = False
        self._place.resolve(query.asking(target, query.type), answered)


def _whole(type: int) -> frozenset[int]:
    """For ANY every type is the one that was asked for."""
    return frozenset(range(65536)) if type == Type.ANY else frozenset()
