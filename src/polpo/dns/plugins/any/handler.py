"""RFC 8482 4.2: a HINFO record instead of everything."""

from __future__ import annotations

from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.record import Record, Reply, Type

TTL_S = 8482
_WORDS = b"ANY obsoleted"
_HINT = b"See RFC 8482"
_DATA = bytes((len(_WORDS),)) + _WORDS + bytes((len(_HINT),)) + _HINT


def make(value: None, next: Handler, place: Place) -> Handler:
    def any(query: Query, answer: Answer) -> None:
        if query.type != Type.ANY:
            next(query, answer)
            return
        record = Record(query.name, Type.HINFO, TTL_S, _DATA)
        answer(Reply(answer=(record,), plugin="any"))

    return any
