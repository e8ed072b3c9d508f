"""The first template that fits answers."""

from __future__ import annotations

import re

from polpo.dns.plugin import Place
from polpo.dns.plugins.template.setup import FAILURES, MATCHES, Template
from polpo.dns.plugins.template.text import Data, fill
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import is_within, to_text
from polpo.dns.wire.record import Rcode, Record, Reply
from polpo.dns.wire.registry import class_name, type_name
from polpo.dns.wire.text import load_types, record_from_text

_ANY = 255


def make(value: tuple[Template, ...], next: Handler, place: Place) -> Handler:
    load_types()
    return Templates(value, next, place).handle


class Templates:
    def __init__(self, value: tuple[Template, ...], next: Handler, place: Place) -> None:
        self._templates = [(t, [re.compile(p) for p in t.patterns]) for t in value]
        self._next = next
        self._place = place

    def handle(self, query: Query, answer: Answer) -> None:
        name = to_text(query.name)
        for template, patterns in self._templates:
            zone = next(
                (z for z in sorted(template.zones, key=len, reverse=True)
                 if is_within(query.name, z)), None,
            )  # fmt: skip
            if zone is None or template.type not in {query.type, _ANY}:
                continue
            if template.class_ not in {query.class_, _ANY}:
                continue
            found = next((m for p in patterns if (m := p.search(name)) is not None), None)
            if found is None:
                if any(is_within(query.name, through) for through in template.through):
                    continue
                answer(Reply(Rcode.NXDOMAIN, plugin="template"))
                return
            self._answer(query, template, zone, found, answer)
            return
        self._next(query, answer)

    def _answer(
        self,
        query: Query,
        template: Template,
        zone: bytes,
        found: re.Match[str],
        answer: Answer,
    ) -> None:
        labels = self._labels(query, zone)
        self._count(MATCHES.name, *labels)
        text = "".join((*template.answer, *template.authority, *template.additional))
        if "{{ .Remote" in text or "{{ .Meta" in text:
            query.keep = False
        data = _data(query, zone, found)
        sections: list[tuple[Record, ...]] = []
        for section in ("answer", "authority", "additional"):
            made = []
            for text in getattr(template, section):
                try:
                    made.append(record_from_text(fill(text, data)))
                except (ValueError, IndexError) as wrong:
                    self._count(FAILURES.name, *labels, section, text)
                    query.error = f"template: {wrong}"
                    answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="template"))
                    return
            sections.append(tuple(made))
        first, second, third = sections
        error = template.error
        answer(Reply(template.rcode, first, second, third, plugin="template", options=error))

    def _labels(self, query: Query, zone: bytes) -> tuple[str, ...]:
        names = (class_name(query.class_), type_name(query.type))
        return (self._place.server, to_text(zone), self._place.view, *names)

    def _count(self, name: str, *labels: str) -> None:
        counts = self._place.counts
        counts.values[counts.slot(name, *labels)] += 1


def _data(query: Query, zone: bytes, found: re.Match[str]) -> Data:
    fields = {
        "Name": to_text(query.name),
        "Zone": to_text(zone),
        "Class": class_name(query.class_),
        "Type": type_name(query.type),
        "Remote": query.client,
    }
    match = [found[0], *(group or "" for group in found.groups())]
    groups = {name: value or "" for name, value in found.groupdict().items()}
    numbers = {str(index): text for index, text in enumerate(match)}
    return Data(fields, match, numbers | groups, query.fact)
