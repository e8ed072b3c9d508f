"""A name with the first domain of the search path: the others are tried here when it is not there.

A plugin that knows the search path of a client provides an object with `search_path(client)`: its
domains (wire form), the root last; empty if it does not know.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from polpo.dns.plugin import Place
from polpo.dns.plugins.autopath.setup import SUCCESS, Autopath
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.name import is_within, join, labels
from polpo.dns.wire.record import Rcode, Record, Reply, Type

_ADDRESSES = frozenset({Type.A, Type.AAAA})


class Searching(Protocol):
    def search_path(self, client: str) -> tuple[bytes, ...]: ...


def make(value: Autopath, next: Handler, place: Place) -> Handler:
    return Paths(value, next, place).handle


class Paths:
    def __init__(self, value: Autopath, next: Handler, place: Place) -> None:
        self._value = value
        self._next = next
        self._place = place
        self._success = place.counts.slot(SUCCESS.name, place.server)

    def handle(self, query: Query, answer: Answer) -> None:
        value = self._value
        fits = query.type in _ADDRESSES and any(is_within(query.name, z) for z in value.zones)
        search = self._search(query.client) if fits else ()
        if not search or not is_within(query.name, search[0]) or query.name == search[0]:
            self._next(query, answer)
            return
        query.keep = query.keep and not value.provider
        stem = labels(query.name)[: -len(labels(search[0])) or None]
        _Walk(self, query, answer, stem, [*search[1:]]).begin()

    def _search(self, client: str) -> tuple[bytes, ...]:
        value = self._value
        if not value.provider:
            return (*value.search, b"\0") if b"\0" not in value.search else value.search
        provider: Searching | None = self._place.provided(value.provider)
        return provider.search_path(client) if provider is not None else ()

    def ask(self, query: Query, answer: Answer) -> None:
        self._next(query, answer)

    def succeeded(self) -> None:
        self._place.counts.values[self._success] += 1


class _Walk:
    """One question along the search path. When nothing is found, the first reply is the answer."""

    def __init__(
        self, paths: Paths, query: Query, answer: Answer, stem: list[bytes], rest: list[bytes]
    ) -> None:
        self._paths = paths
        self._query = query
        self._answer = answer
        self._stem = stem
        self._rest = rest
        self._first: Reply | None = None

    def begin(self) -> None:
        self._paths.ask(self._query, self._begun)

    def _begun(self, reply: Reply) -> None:
        if reply.rcode != Rcode.NXDOMAIN:
            self._answer(reply)
            return
        self._first = opened(reply)
        self._go_on()

    def _go_on(self) -> None:
        assert self._first is not None
        while self._rest:
            domain = self._rest.pop(0)
            try:
                name = join([*self._stem, *labels(domain)])
            except ValueError:
                continue
            query = self._query.asking(name, self._query.type)
            self._paths.ask(query, partial(self._tried, name, query))
            return
        self._answer(self._first)

    def _tried(self, name: bytes, query: Query, reply: Reply) -> None:
        if reply.rcode in {Rcode.NXDOMAIN, Rcode.SERVFAIL, Rcode.REFUSED}:
            self._go_on()
            return
        reply = opened(reply)
        self._query.keep = self._query.keep and query.keep
        ttl_s = min((r.ttl_s for r in reply.answer), default=0)
        alias = Record(self._query.name, Type.CNAME, ttl_s, name)
        self._paths.succeeded()
        about = (*reply.about, self._query.name, name) if reply.about else ()
        self._answer(reply._replace(answer=(alias, *reply.answer), about=about))
