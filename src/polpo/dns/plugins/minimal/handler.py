"""Authority and additional records of positive answers are left out."""

from __future__ import annotations

from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.record import Rcode, Reply, Type


def make(value: None, next: Handler, place: Place) -> Handler:
    def minimal(query: Query, answer: Answer) -> None:
        def answered(reply: Reply) -> None:
            reply = opened(reply)
            delegation = any(r.type == Type.NS for r in reply.authority) and not reply.answer
            if reply.rcode == Rcode.NOERROR and reply.answer and not delegation:
                reply = reply._replace(authority=(), additional=())
            answer(reply)

        next(query, answered)

    return minimal
