"""Replies that come again without being worked for.

What other handlers answer from records that they watch (`Reply.about`) goes through untouched: the
server keeps it until it changes, which is longer than any TTL and never stale.
"""

from __future__ import annotations

from polpo.dns.counts import Metric
from polpo.dns.plugin import Place
from polpo.dns.plugins.cache import setup
from polpo.dns.plugins.cache.items import Item, Key, Kind, Store, kind_of, traits_of, with_ttl
from polpo.dns.plugins.cache.relaying import Relaying
from polpo.dns.plugins.cache.setup import Cache
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import CD, TC, Malformed, opened
from polpo.dns.wire.name import within_any
from polpo.dns.wire.record import Rcode, Reply, Type

_NEVER = frozenset({Type.AXFR, Type.IXFR})


def make(value: Cache, next: Handler, place: Place) -> Handler:
    caching = Caching(value, next, place)
    place.hands_on("cache", Relaying(value, caching).relay)
    return caching.handle


class Caching:
    def __init__(self, value: Cache, next: Handler, place: Place) -> None:
        self._value = value
        self._next = next
        self._place = place
        self._stores = {
            "success": Store(value.success.capacity),
            "denial": Store(value.denial.capacity),
        }
        self._successes = self._stores["success"].items
        self._denials = self._stores["denial"].items
        self._cached = {kind: f"{kind} {value.label}" for kind in self._stores}
        self._make_slots()

    def _make_slots(self) -> None:
        counts, label = self._place.counts, self._value.label
        server = self._place.server

        def slot(metric: Metric, *kind: str) -> int:
            return counts.slot(metric.name, server, *kind, label, self._place.view)

        self._values = counts.values
        self._requests, self._misses = slot(setup.REQUESTS), slot(setup.MISSES)
        self._prefetches, self._stale = slot(setup.PREFETCHES), slot(setup.STALE)
        slot(setup.DROPS)
        self._hits = {kind: slot(setup.HITS, kind) for kind in self._stores}
        self._entries = {kind: slot(setup.ENTRIES, kind) for kind in self._stores}
        self._evictions = {kind: slot(setup.EVICTIONS, kind) for kind in self._stores}

    def handle(self, query: Query, answer: Answer) -> None:
        if query.type in _NEVER or not within_any(query.name, self._value.zones):
            self._next(query, answer)
            return
        self._values[self._requests] += 1
        key = (query.name, query.type, query.dnssec_ok, bool(query.flags & CD))
        now = self._place.now()
        kind, item = self._find(key, now)
        if item is None:
            self._values[self._misses] += 1
            self._fetch(query, key, answer)
        elif item.ends > now:
            self._hit(query, key, kind, item, now, answer)
        else:
            self._serve_stale(query, key, kind, item, answer)

    def _find(self, key: Key, now: float) -> tuple[str, Item | None]:
        for kind, store in self._stores.items():
            item = store.items.get(key)
            if item is not None:
                if item.ends + self._value.stale_s > now and _is_readable(item):
                    store.items.move_to_end(key)
                    return kind, item
                del store.items[key]
                self._values[self._entries[kind]] = len(store.items)
        return "", None

    def knows(self, key: Key) -> bool:
        """Is there anything, fresh or not?"""
        return key in self._successes or key in self._denials

    def count_misses(self, times: int) -> None:
        self._values[self._requests] += times
        self._values[self._misses] += times

    def _hit(
        self, query: Query, key: Key, kind: str, item: Item, now: float, answer: Answer
    ) -> None:
        self._values[self._hits[kind]] += 1
        self._keep_in_table(query, kind, query.keep)
        answer(item.aged(now, self._value.keep_ttl))
        prefetch = self._value.prefetch
        if prefetch.amount:
            item.hits = item.hits + 1 if now - item.last < prefetch.gap_s else 1
            item.last = now
            ends_soon = item.ends - now <= prefetch.part * item.life_s
            if item.hits >= prefetch.amount and ends_soon and not item.fetching:
                item.fetching = True
                self._values[self._prefetches] += 1
                self._refresh(query, key)

    def _serve_stale(self, query: Query, key: Key, kind: str, item: Item, answer: Answer) -> None:
        """A reply that has ended is better than waiting, or than none."""

        def stale() -> None:
            self._values[self._stale] += 1
            self._values[self._hits[kind]] += 1
            query.keep = False
            answer(with_ttl(item.reply, 0))

        allowed = query.keep

        def verified(reply: Reply) -> None:
            if reply.rcode == Rcode.SERVFAIL:
                stale()
            else:
                self._keep_and_answer(query, key, reply, answer, allowed)

        if self._value.verify:
            self._next(query, verified)
            return
        stale()
        if not item.fetching:
            item.fetching = True
            self._refresh(query, key)

    def _refresh(self, query: Query, key: Key) -> None:
        """Ask again, for nobody in particular."""
        again = query.asking(query.name, query.type)

        def answered(reply: Reply) -> None:
            if reply.rcode == Rcode.SERVFAIL:
                for store in self._stores.values():
                    item = store.items.get(key)
                    if item is not None:
                        item.fetching = False
                return
            self._keep(again, key, opened(reply))

        self._next(again, answered)

    def _fetch(self, query: Query, key: Key, answer: Answer) -> None:
        allowed = query.keep  # forward, which comes later, keeps nothing by itself
        self._next(query, lambda reply: self._keep_and_answer(query, key, reply, answer, allowed))

    def _keep_and_answer(
        self, query: Query, key: Key, reply: Reply, answer: Answer, allowed: bool
    ) -> None:
        if reply.about or reply.rcode < 0:
            if reply.about:
                kind = "denial" if reply.rcode or not reply.answer else "success"
                query.cached = self._cached[kind]
            answer(reply)
            return
        if reply.message and reply.message[2] & TC >> 8:
            answer(reply)
            return
        reply = opened(reply)
        kept = self._keep(query, key, reply)
        if not kept.name:
            answer(reply)
            return
        self._keep_in_table(query, kept.name, allowed)
        if self._value.keep_ttl:
            answer(reply._replace(ttl_s=max(int(kept.life_s), 1)))
        else:
            answer(with_ttl(reply, int(kept.life_s)))

    def _keep_in_table(self, query: Query, kind: str, allowed: bool) -> None:
        """The server may repeat the bytes until the TTL in them is another: for a second."""
        query.keep = allowed
        query.cached = self._cached[kind]

    def _keep(self, query: Query, key: Key, reply: Reply) -> Kind:
        kind = kind_of(traits_of(reply), query.name, self._value)
        if not kind.name or not kind.life_s:
            return Kind("")
        self.put(key, kind, reply._replace(authoritative=True, message=b""))
        return kind

    def put(self, key: Key, kind: Kind, kept: Reply) -> None:
        """In the store of its kind, and no other."""
        store = self._stores[kind.name]
        for name, other in self._stores.items():
            if name != kind.name and other.items.pop(key, None) is not None:
                self._values[self._entries[name]] = len(other.items)
        evicted = store.put(key, Item(kept, kind.life_s, self._place.now()))
        self._values[self._evictions[kind.name]] += evicted
        self._values[self._entries[kind.name]] = len(store.items)


def _is_readable(item: Item) -> bool:
    try:
        item.open()
    except Malformed:
        return False
    return True
