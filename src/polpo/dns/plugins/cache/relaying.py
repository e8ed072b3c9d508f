"""What the cache does to queries that are handed on by batches, and to the replies: nothing is read
of them but where their records lie. A reply that is kept is read when it is asked for again.
"""

from __future__ import annotations

from typing import Any, Protocol

from polpo.dns import handing
from polpo.dns.plugins.cache.items import Key, Kind, kind_of, traits_of_message
from polpo.dns.plugins.cache.setup import Cache
from polpo.dns.wire.message import AD, CD, RA, TC
from polpo.dns.wire.name import within_any
from polpo.dns.wire.record import Reply
from polpo.dns.wire.skim import HEADER_BYTES, skim, with_ttl

# Who waits for the server's own part, and what for: its key, and where its question ends.
Waiter = tuple[handing.Back, Any, Key, int]


class Keeping(Protocol):
    """What is kept."""

    def knows(self, key: Key) -> bool: ...
    def count_misses(self, times: int) -> None: ...
    def put(self, key: Key, kind: Kind, kept: Reply) -> None: ...


class Relaying:
    def __init__(self, value: Cache, keeping: Keeping) -> None:
        self._value = value
        self._keeping = keeping

    def relay(self, next: handing.Relay) -> handing.Relay:
        """Only what is not known goes on; hits, and names that the cache is not for, are left."""
        zones, knows = self._value.zones, self._keeping.knows

        def relay(queries: list[handing.Query], back: handing.Back) -> set[int]:
            missed: list[handing.Query] = []
            for name, asked, question, index, type, dnssec_ok, waiter in queries:
                key = (name, type, dnssec_ok, bool(asked[1] & CD))
                if within_any(name, zones) and not knows(key):
                    own = (back, waiter, key, HEADER_BYTES + len(question))
                    missed.append((name, asked, question, index, type, dnssec_ok, own))
            taken = next(missed, self._take_back) if missed else set()
            self._keeping.count_misses(len(taken))
            return taken

        return relay

    def _take_back(self, returned: list[handing.Returned]) -> None:
        by_back: dict[handing.Back, list[handing.Returned]] = {}
        for (back, waiter, key, end), reply, seconds in returned:
            if reply is None:
                self._keeping.count_misses(-1)  # it goes the long way, where it is one again
            else:
                reply = self._keep(key, end, reply)
            by_back.setdefault(back, []).append((waiter, reply, seconds))
        for back, waiters in by_back.items():
            back(waiters)

    def _keep(self, key: Key, end: int, message: bytes) -> bytes:
        """The reply for who has asked, with the TTL for which it is kept."""
        has_question = message[4:6] == b"\0\1"
        if message[2] & TC >> 8 or not has_question:
            return message
        places = skim(message, end)
        if places is None:
            return message
        kind = kind_of(traits_of_message(message, places), key[0], self._value)
        if not kind.name or not kind.life_s:
            return message
        self._keeping.put(key, kind, _reply(message))
        if self._value.keep_ttl:
            return message
        return with_ttl(message, places, int(kind.life_s))


def _reply(message: bytes) -> Reply:
    """Not read yet."""
    flags = message[2] << 8 | message[3]
    return Reply(
        flags & 15,
        plugin="forward",
        recursion_available=flags & RA != 0,
        authentic=flags & AD != 0,
        message=message,
    )
