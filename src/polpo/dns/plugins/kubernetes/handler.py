"""What the plugin answers: a look into a dictionary of names, and what to say if there is none."""

from __future__ import annotations

from functools import partial
from typing import Any

from polpo.dns.handing import Relay
from polpo.dns.plugin import Place
from polpo.dns.plugins.kubernetes.aliases import Aliases
from polpo.dns.plugins.kubernetes.batch import unpack
from polpo.dns.plugins.kubernetes.facts import describe
from polpo.dns.plugins.kubernetes.options import INSECURE, Options
from polpo.dns.plugins.kubernetes.patterns import pod_reply, zonal_reply
from polpo.dns.plugins.kubernetes.records import ADDRESSES
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import is_within
from polpo.dns.wire.record import Rcode, Record, Reply, Type

NAME = "kubernetes"
_SRV, _NS = int(Type.SRV), int(Type.NS)
_IS_ALIAS = int(Type.CNAME).to_bytes(2)  # packed, the type comes first
_SERVFAIL, _NXDOMAIN = int(Rcode.SERVFAIL), int(Rcode.NXDOMAIN)
_TRANSFERS = (Type.AXFR, Type.IXFR)
_CHASED = (Type.A, Type.AAAA, Type.TXT)


def make(value: Any, next: Handler, place: Place) -> Handler:
    options: Options = value
    store = Store(options)
    place.fed(NAME, store.receive)
    place.provide(NAME, store)
    describe(place, store)
    place.hands_on(NAME, partial(_all_but, store))
    return Answers(options, store, next, place).handle


def _all_but(store: Store, next: Relay) -> Relay:
    """What is handed on: names outside of the zones."""
    return lambda queries, back: next([q for q in queries if store.zone_of(q[0]) is None], back)


class Answers:
    """The handler of one server block."""

    def __init__(self, options: Options, store: Store, next: Handler, place: Place) -> None:
        self._options, self._store, self._next = options, store, next
        self._names = store.names
        self._fallthrough = options.fallthrough
        self._aliases = Aliases(store, place.resolve)

    def handle(self, query: Query, answer: Answer) -> None:
        name, type = query.name, query.type
        packed = self._names.get(name)
        if packed is None:
            self._missing(query, answer)
            return
        found = unpack(name, packed, type)
        if found:
            answer(
                self._pointing(name, found)
                if type in (_SRV, _NS)
                else Reply(0, found, (), (), True, (name,), NAME)
            )
        elif type in _TRANSFERS:
            answer(Reply(Rcode.REFUSED, plugin=NAME))
        elif packed.startswith(_IS_ALIAS) and type in _CHASED:
            self._aliases.follow(query, unpack(name, packed)[0], answer)
        else:
            answer(self._no_data(name, (name,)))

    def _missing(self, query: Query, answer: Answer) -> None:
        """No such name, unless it is one of those that only a question makes."""
        name = query.name
        zone = self._store.zone_of(name)
        if zone is None:
            self._next(query, answer)
            return
        if query.type in _TRANSFERS:
            answer(Reply(Rcode.REFUSED, plugin=NAME))
            return
        about: tuple[bytes, ...] = (name,)
        reply = None
        if self._options.pods == INSECURE:
            reply, about = pod_reply(query, self._store, self._options)
        if reply is None and self._options.zonal:
            reply = zonal_reply(query, self._store)
        if reply is not None:
            answer(self._made_up(name, reply))
        elif self._fallthrough and any(is_within(name, each) for each in self._fallthrough):
            self._next(query, answer)
        elif not self._store.synced:
            query.keep = False
            answer(Reply(_SERVFAIL, (), (self._store.soa(zone),), (), True, (), NAME))
        else:
            answer(Reply(_NXDOMAIN, (), (self._store.soa(zone),), (), True, about, NAME))

    def _made_up(self, name: bytes, reply: Reply) -> Reply:
        """A reply to a name that is no record's owner, made whole."""
        if not reply.answer:
            return self._no_data(name, reply.about)
        if reply.answer[0].type != _SRV:
            return reply
        more = self._pointing(name, reply.answer)
        return more._replace(about=(*reply.about, *more.about))

    def _no_data(self, name: bytes, about: tuple[bytes, ...]) -> Reply:
        """There is the name, but nothing of the type."""
        zone = self._store.zone_of(name) or self._options.zones[0]
        return Reply(0, (), (self._store.soa(zone),), (), True, about, NAME)

    def _pointing(self, name: bytes, found: tuple[Record, ...]) -> Reply:
        """SRV and NS records with the addresses of what they point to."""
        skip = 6 if found[0].type == _SRV else 0
        targets = dict.fromkeys([record.data[skip:] for record in found])
        extra = tuple(
            record
            for target in targets
            for record in self._store.records(target)
            if record.type in ADDRESSES
        )
        return Reply(0, found, (), extra, True, (name, *targets), NAME)
