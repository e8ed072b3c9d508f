"""Queries can be asked for what other plugins of the block say about them (`Place.describe`)."""

from __future__ import annotations

from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import within_any


def make(value: tuple[bytes, ...], next: Handler, place: Place) -> Handler:
    def metadata(query: Query, answer: Answer) -> None:
        if within_any(query.name, value):
            query.facts = place.facts
        next(query, answer)

    return metadata
