"""What is kept of a reply, for how long, and how much of it there may be."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from typing import NamedTuple

from polpo.dns.plugins.cache.setup import Bounds, Cache
from polpo.dns.wire.message import opened
from polpo.dns.wire.name import is_within
from polpo.dns.wire.record import Rcode, Record, Reply, Type
from polpo.dns.wire.skim import Place, ttls

MOST_RECORDS = 200  # a reply with more is not kept: memory is bounded by the number of replies
LONGEST_S = 3600
WITHOUT_RECORDS_S = 5
_SOA = int(Type.SOA)
_SERVFAIL, _NXDOMAIN = int(Rcode.SERVFAIL), int(Rcode.NXDOMAIN)
_KEPT = frozenset({int(Rcode.NOERROR), _NXDOMAIN})
Key = tuple[bytes, int, bool, bool]  # name, type, DO, CD


class Item:
    """A reply with the moment of its end. `hits` in a row, for prefetch. One that came as a message
    is read when it is asked for again (`open`)."""

    __slots__ = ("ends", "fetching", "hits", "last", "life_s", "reply")

    def __init__(self, reply: Reply, life_s: float, now: float) -> None:
        self.reply = reply
        self.life_s = life_s
        self.ends = now + life_s
        self.hits = 0
        self.last = now
        self.fetching = False

    def open(self) -> None:
        """Malformed if it is no reply that can be read."""
        self.reply = opened(self.reply)

    def aged(self, now: float, keep_ttl: bool) -> Reply:
        """The reply with what is left of its life in all records; 0 in one that is stale."""
        if keep_ttl and self.ends > now:
            return self.reply._replace(ttl_s=max(int(self.ends - now), 1))
        left_s = max(ceil(self.ends - now), 0)
        return with_ttl(self.reply, left_s)


class Kind(NamedTuple):
    """What sort of reply it is: "success", "denial" or "" (not kept), and its life."""

    name: str
    life_s: float = 0.0


class Store:
    """Replies of one kind: those asked for longest ago make room."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.items: OrderedDict[Key, Item] = OrderedDict()

    def put(self, key: Key, item: Item) -> int:
        """How many had to go."""
        if key in self.items:
            self.items.move_to_end(key)
        self.items[key] = item
        if len(self.items) > self._capacity:
            self.items.popitem(last=False)
            return 1
        return 0


class Traits(NamedTuple):
    """What decides whether and for how long a reply is kept. `soa_s`: the SOA's TTL of denials."""

    rcode: int
    has_answer: bool
    ttls_s: list[int]
    soa_s: int | None


def traits_of(reply: Reply) -> Traits:
    records = (*reply.answer, *reply.authority, *reply.additional)
    soa = next((r for r in reply.authority if r.type == Type.SOA), None)
    soa_s = int.from_bytes(soa.data[-4:], "big") if soa is not None else None
    return Traits(reply.rcode, bool(reply.answer), [r.ttl_s for r in records], soa_s)


def traits_of_message(message: bytes, places: list[Place]) -> Traits:
    """The same of a message that nobody has read, by where its records lie."""
    answers = message[6] << 8 | message[7]
    soa_s = None
    for place in places[answers : answers + (message[8] << 8 | message[9])]:
        if place.type == _SOA and soa_s is None:
            soa_s = int.from_bytes(message[place.end - 4 : place.end], "big")
    return Traits(message[3] & 15, answers > 0, ttls(message, places), soa_s)


def kind_of(traits: Traits, name: bytes, value: Cache) -> Kind:
    """RFC 2308: what may be kept."""
    rcode, has_answer, ttls_s, soa_s = traits
    if len(ttls_s) > MOST_RECORDS:
        return Kind("")
    if rcode == _SERVFAIL:
        return Kind("denial", value.servfail_s)
    if rcode not in _KEPT:
        return Kind("")
    negative = rcode == _NXDOMAIN or (not has_answer and soa_s is not None)
    bounds, off = (value.denial, value.no_denial) if negative else (value.success, value.no_success)
    if off and any(is_within(name, zone) for zone in off):
        return Kind("")
    ttl_s = min(LONGEST_S, *ttls_s) if ttls_s else WITHOUT_RECORDS_S
    if negative and soa_s is not None:
        ttl_s = min(ttl_s, soa_s)
    return Kind("denial" if negative else "success", _within(ttl_s, bounds))


def with_ttl(reply: Reply, ttl_s: int) -> Reply:
    """All records with one TTL."""
    return reply._replace(
        answer=_with_ttl(reply.answer, ttl_s),
        authority=_with_ttl(reply.authority, ttl_s),
        additional=_with_ttl(reply.additional, ttl_s),
        ttl_s=1,
    )


def _with_ttl(records: tuple[Record, ...], ttl_s: int) -> tuple[Record, ...]:
    return tuple([Record(r.owner, r.type, ttl_s, r.data) for r in records])


def _within(ttl_s: int, bounds: Bounds) -> int:
    return min(max(ttl_s, bounds.least_s), bounds.most_s)
