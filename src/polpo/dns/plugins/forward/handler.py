"""Which upstream is asked, what happens if it does not answer, who else waits for the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import count

from polpo.dns import handing
from polpo.dns.plugin import Place
from polpo.dns.plugins.forward.pending import Relayed, pending
from polpo.dns.plugins.forward.setup import BROKEN, REJECTS, Forward
from polpo.dns.plugins.forward.upstream import Upstream
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import AA, AD, RA, TC, Edns, Malformed, opened
from polpo.dns.wire.name import ROOT, within_any
from polpo.dns.wire.record import Rcode, Reply
from polpo.dns.wire.render import render_query

LARGEST = 4096  # upstreams are not asked for longer datagrams than there is room for
ALL_TOGETHER_S = 5.0  # CoreDNS's defaultTimeout: over all upstreams
Order = Callable[[Sequence[Upstream]], list[Upstream]]


def make(value: tuple[Forward, ...], next: Handler, place: Place) -> Handler:
    handler = next
    for forward in reversed(value):
        forwarding = Forwarding(forward, handler, place)
        handler = forwarding.handle
    if len(value) == 1:
        place.provide("forward", forwarding)
    place.describe("forward/upstream", lambda query: query.upstream)
    return handler


class Forwarding:
    """One directive."""

    def __init__(self, value: Forward, next: Handler, place: Place) -> None:
        self.value = value
        self._next = next
        self._place = place
        self._upstreams = [Upstream(target, value, place) for target in value.targets]
        for upstream in self._upstreams:
            place.at_end(upstream.close)
        self._only = self._upstreams[0] if len(self._upstreams) == 1 else None
        self._goes_on = value.next_on_nodata or bool(value.next_rcodes)
        self._order = _orders()[value.policy]
        self._asked: dict[bytes, _Attempt] = {}
        self._relayed: dict[bytes, Relayed] = {}
        self._has_bounds = value.zones != (ROOT,) or bool(value.excepted)
        self._relays = not (
            value.force_tcp or value.prefer_udp or self._goes_on or value.failover_rcodes
        )
        self._broken = place.counts.slot(BROKEN.name)
        self._rejects = place.counts.slot(REJECTS.name)

    def handle(self, query: Query, answer: Answer) -> None:
        value = self.value
        name = query.name
        if self._has_bounds and not self._is_ours(name):
            self._next(query, answer)
            return
        query.keep = False
        stream = value.force_tcp or (query.protocol != "udp" and not value.prefer_udp)
        asked = query.message[2:] if query.size < LARGEST else b""
        asked = asked or _message(query)
        key = b"t" + asked if stream else asked
        attempt = self._asked.get(key)
        if attempt is not None:
            attempt.waiting.append((query, answer))
            return
        if 0 < value.max_concurrent <= len(self._asked) + len(self._relayed):
            self._place.counts.values[self._rejects] += 1
            query.error = f"concurrent queries exceeded maximum {value.max_concurrent}"
            answer(Reply(Rcode.REFUSED, authoritative=False, plugin="forward"))
            return
        attempt = self._asked[key] = _Attempt(self, asked, stream, key)
        attempt.waiting.append((query, answer))
        attempt.go_on("")

    def relay(self, queries: list[handing.Query], back: handing.Back) -> set[int]:
        """For servers that have nothing else to do with queries by UDP than to hand them on, and
        the replies back: each once, to one upstream. Who gets no reply may `handle`."""
        if not self._relays:
            return set()
        if self._has_bounds:
            queries = [query for query in queries if self._is_ours(query[0])]
        most = self.value.max_concurrent
        if most > 0:
            queries = queries[: max(most - len(self._asked) - len(self._relayed), 0)]
        upstream = self._only
        if upstream is None or upstream.is_down:
            upstream = self.choose(())
        if upstream is None:
            return set()
        begun, known, give_back = self._place.turn.now, self._relayed, self._give_back
        new = []
        for _, asked, question, _, _, _, waiter in queries:
            relayed = known.get(asked)
            if relayed is not None:
                relayed.waiting.append((back, waiter))
                continue
            relayed = Relayed(asked, question, begun, upstream, give_back, (back, waiter))
            known[asked] = relayed
            new.append(relayed)
        upstream.relay(new)
        return {query[3] for query in queries}

    def _give_back(self, done: list[tuple[Relayed, bytes | None]]) -> None:
        """Replies, or that there are none: notes are taken together, and so are who waits."""
        known, now = self._relayed, self._place.turn.now
        returned: dict[handing.Back, list[handing.Returned]] = {}
        outcomes: dict[tuple[Upstream, int, float], int] = {}
        for relayed, message in done:
            del known[relayed.asked]
            seconds = now - relayed.begun
            outcome = (relayed.upstream, -1 if message is None else message[3] & 15, seconds)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            for back, waiter in relayed.waiting:
                waiters = returned.get(back)
                if waiters is None:
                    waiters = returned[back] = []
                waiters.append((waiter, message, seconds))
        for (upstream, rcode, seconds), times in outcomes.items():
            upstream.settle(rcode, seconds, times)
        for back, waiters in returned.items():
            back(waiters)

    def _is_ours(self, name: bytes) -> bool:
        return within_any(name, self.value.zones) and not within_any(name, self.value.excepted)

    def choose(self, tried: Sequence[Upstream]) -> Upstream | None:
        """The next to be asked; when all are down any of them, for the checks may be wrong."""
        if len(tried) >= len(self._upstreams):
            return None
        if self._only is not None and not self._only.is_down:
            return self._only
        order = self._order(self._upstreams)
        for upstream in order:
            if upstream not in tried and not upstream.is_down:
                return upstream
        if tried:
            return None
        self._place.counts.values[self._broken] += 1
        return None if self.value.fail_fast else random.choice(order)

    def finish(self, key: bytes, message: bytes | None, error: str) -> None:
        attempt = self._asked.pop(key)
        for query, answer in attempt.waiting:
            query.upstream = attempt.upstream
            self._give(query, answer, message, error)

    def _give(self, query: Query, answer: Answer, message: bytes | None, error: str) -> None:
        if message is None:
            query.error = error
            answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="forward"))
            return
        flags = message[2] << 8 | message[3]
        rcode = flags & 15
        if self._goes_on and self._is_for_next(rcode, message):
            self._next(query, answer)
            return
        reply = Reply(
            rcode,
            (),
            (),
            (),
            flags & AA != 0,
            (),
            "forward",
            flags & RA != 0,
            flags & AD != 0,
            0,
            message,
        )
        try:
            answer(reply if query.message else opened(reply))
        except Malformed as wrong:
            query.error = f"a reply that is malformed: {wrong}"
            answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="forward"))

    def _is_for_next(self, rcode: int, message: bytes) -> bool:
        nodata = self.value.next_on_nodata and not rcode and message[6:8] == b"\0\0"
        return nodata or rcode in self.value.next_rcodes


class _Attempt:
    """One question through as many upstreams as it takes, but not longer than a client waits."""

    __slots__ = (
        "_asked",
        "_begun",
        "_ends",
        "_forwarding",
        "_key",
        "_stream",
        "_tried",
        "waiting",
    )

    def __init__(self, forwarding: Forwarding, asked: bytes, stream: bool, key: bytes) -> None:
        self._forwarding = forwarding
        self._asked = asked
        self._stream = stream
        self._key = key
        self._tried: list[Upstream] = []
        self.waiting: list[tuple[Query, Answer]] = []
        self._begun = time.monotonic()
        self._ends = self._begun + ALL_TOGETHER_S

    @property
    def upstream(self) -> str:
        """Who was asked last."""
        return self._tried[-1].target.label if self._tried else ""

    def go_on(self, error: str) -> None:
        most = self._forwarding.value.max_attempts
        upstream = None
        if self._tried:
            self._begun = time.monotonic()
        if self._begun < self._ends and (not most or len(self._tried) < most):
            upstream = self._forwarding.choose(self._tried)
        if upstream is None:
            words = error or "no healthy upstream"
            self._forwarding.finish(self._key, None, words)
            return
        self._tried.append(upstream)
        upstream.ask(pending(self._asked, self._answered), self._stream)

    def _answered(self, message: bytes | None, error: str) -> None:
        value = self._forwarding.value
        last = self._tried[-1]
        rcode = -1 if message is None else message[3] & 15
        last.settle(rcode, time.monotonic() - self._begun)
        if message is None:
            self.go_on(f"{last.target.label}: {error}")
        elif message[2] & TC >> 8 and value.prefer_udp and not self._stream:
            self._stream = True
            self._begun = time.monotonic()
            last.ask(pending(self._asked, self._answered), True)
        elif message[3] & 15 in value.failover_rcodes and len(self._tried) < len(value.targets):
            self.go_on(f"{last.target.label}: {Rcode(message[3] & 15).name}")
        else:
            self._forwarding.finish(self._key, message, "")


def _message(query: Query) -> bytes:
    edns = Edns(query.size, 0, query.dnssec_ok, query.options) if query.edns else None
    return render_query(0, query.name, query.type, flags=query.flags, edns=edns)[2:]


def _orders() -> dict[str, Order]:
    turn = count()

    def round_robin(upstreams: Sequence[Upstream]) -> list[Upstream]:
        at = next(turn) % len(upstreams)
        return [*upstreams[at:], *upstreams[:at]]

    def at_random(upstreams: Sequence[Upstream]) -> list[Upstream]:
        return random.sample(upstreams, len(upstreams)) if len(upstreams) > 1 else list(upstreams)

    return {"random": at_random, "round_robin": round_robin, "sequential": list}
