"""What is kept of a reply, for how long, and how much of it there may be."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from typing import NamedTuple

from polpo.dns.plugins.cache.setup import Bounds, Cache
from polpo.dns.wire.name import is_within
from polpo.dns.wire.record import Rcode, Record, Reply, Type

MOST_RECORDS = 200  # a reply with more is not kept: memory is bounded by the number of replies
LONGEST_S = 3600
WITHOUT_RECORDS_S = 5
Key = tuple[bytes, int, bool, bool]  # name, type, DO, CD


class Item:
    """A reply with the moment of its end. `hits` in a row, for prefetch."""

    __slots__ = ("ends", "fetching", "hits", "last", "life_s", "reply")

    def __init__(self, reply: Reply, life_s: float, now: float) -> None:
        self.reply = reply
        self.life_s = life_s
        self.ends = now + life_s
        self.hits = 0
        self.last = now
        self.fetching = False

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
        self.items[key] = item
        self.items.move_to_end(key)
        if len(self.items) > self._capacity:
            self.items.popitem(last=False)
            return 1
        return 0


def kind_of(reply: Reply, name: bytes, value: Cache) -> Kind:
    """RFC 2308: what may be kept."""
    count = len(reply.answer) + len(reply.authority) + len(reply.additional)
    if count > MOST_RECORDS:
        return Kind("")
    if reply.rcode == Rcode.SERVFAIL:
        return Kind("denial", value.servfail_s)
    if reply.rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
        return Kind("")
    soa = next((r for r in reply.authority if r.type == Type.SOA), None)
    negative = reply.rcode == Rcode.NXDOMAIN or (not reply.answer and soa is not None)
    bounds, off = (value.denial, value.no_denial) if negative else (value.success, value.no_success)
    if any(is_within(name, zone) for zone in off):
        return Kind("")
    ttl_s = _least_ttl(reply, soa if negative else None)
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


def _least_ttl(reply: Reply, soa: Record | None) -> int:
    records = (*reply.answer, *reply.authority, *reply.additional)
    if not records:
        return WITHOUT_RECORDS_S
    least = min(min(record.ttl_s for record in records), LONGEST_S)
    if soa is not None:
        least = min(least, int.from_bytes(soa.data[-4:], "big"))
    return least


def _within(ttl_s: int, bounds: Bounds) -> int:
    return min(max(ttl_s, bounds.least_s), bounds.most_s)
