"""Answers from a hosts file."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from polpo.dns.plugin import Place
from polpo.dns.plugins.hosts.entries import Line, Records, records_of
from polpo.dns.plugins.hosts.setup import Hosts
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import parent, prepend, within_any
from polpo.dns.wire.record import Rcode, Record, Reply, Type

_STAR = b"*"


def make(value: Hosts, next: Handler, place: Place) -> Handler:
    answering = Answering(value, next)
    place.fed("hosts", answering.take)
    return answering.handle


class Answering:
    """Inline lines are there from the beginning; control sends those of the file."""

    def __init__(self, value: Hosts, next: Handler) -> None:
        self._value = value
        self._next = next
        self._records: Records = {}
        self._everything: set[bytes] = set()
        self._set(())

    def take(self, message: bytes) -> Iterable[bytes]:
        """The lines of the file: all whose records differ have changed, and so have names below
        wildcards, which nobody can list: everything that was answered here."""
        before = self._records
        self._set(msgspec.msgpack.decode(message, type=tuple[Line, ...]))
        after = self._records
        changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        if any(name.startswith(b"\1*") for name in changed):
            changed.add(_STAR)
        return changed

    def _set(self, lines: tuple[Line, ...]) -> None:
        value = self._value
        self._records = records_of((*value.lines, *lines), value.ttl_s, value.reverse)

    def handle(self, query: Query, answer: Answer) -> None:
        name, value = query.name, self._value
        pointer = query.type == Type.PTR
        if not pointer and not within_any(name, value.zones):
            self._next(query, answer)
            return
        records = self._records.get(name)
        if records is None:
            records = self._wild(name)
        if records is None:
            self._unknown(query, answer)
            return
        found = tuple(r._replace(owner=name) for r in records if r.type == query.type)
        if not found and (pointer or records[0].type == Type.PTR):
            self._unknown(query, answer)
            return
        answer(Reply(answer=found, about=(name, _STAR), plugin="hosts"))

    def _unknown(self, query: Query, answer: Answer) -> None:
        """Addresses' names go on always, others if `fallthrough` says so. As CoreDNS has it, the
        rest is SERVFAIL: a file has no SOA that a denial would need."""
        through = within_any(query.name, self._value.through)
        if through or query.type == Type.PTR:
            self._next(query, answer)
        else:
            answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="hosts"))

    def _wild(self, name: bytes) -> tuple[Record, ...] | None:
        above = parent(name)
        while above != b"\0":
            found = self._records.get(prepend(b"*", above))
            if found is not None:
                return found
            above = parent(above)
        return None
