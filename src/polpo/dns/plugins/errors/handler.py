"""What kept other plugins from answering, in CoreDNS's words."""

from __future__ import annotations

import re

from polpo.dns.plugin import Place
from polpo.dns.plugins.errors.setup import Consolidation
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import to_text
from polpo.dns.wire.record import Reply
from polpo.dns.wire.registry import type_name


class _Group:
    """Errors of one pattern, counted until it is time to say how many there were."""

    def __init__(self, value: Consolidation, place: Place) -> None:
        self.pattern = re.compile(value.pattern)
        self._value = value
        self._place = place
        self._count = 0

    def add(self, line: str) -> None:
        if not self._count:
            self._place.later(self._value.every_s, self._say)
            if self._value.show_first:
                self._place.say(line)
        self._count += 1

    def _say(self) -> None:
        value, count = self._value, self._count
        self._count = 0
        self._place.say(
            f"[{value.level.upper()}] plugin/errors: {count} errors like '{value.pattern}' "
            f"occurred in last {value.every_s:g}s"
        )


def make(value: tuple[Consolidation, ...], next: Handler, place: Place) -> Handler:
    groups = [_Group(consolidation, place) for consolidation in value]

    def say(query: Query, reply: Reply) -> None:
        name, type = to_text(query.name), type_name(query.type)
        line = f"[ERROR] plugin/errors: {reply.rcode} {name} {type}: {query.error}"
        for group in groups:
            if group.pattern.search(query.error):
                group.add(line)
                return
        place.say(line)

    def errors(query: Query, answer: Answer) -> None:
        def answered(reply: Reply) -> None:
            if query.error:
                say(query, reply)
            answer(reply)

        next(query, answered)

    return errors
