"""What the asker would take is brought down, for the reply and for upstreams."""

from __future__ import annotations

from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query


def make(value: int, next: Handler, place: Place) -> Handler:
    def bufsize(query: Query, answer: Answer) -> None:
        if query.edns and query.size > value and query.protocol == "udp":
            query.size = value
            query.message = b""  # upstreams are asked anew, with this size
        next(query, answer)

    return bufsize
