"""Lets an answer wait until hosts know its addresses, if its name is under a wildcard of policies.

An address is told once, and again as long as it is in answers; who asks for it then does not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from polpo.dns import handing
from polpo.dns.plugin import EVERYTHING, Place
from polpo.dns.plugins.domains.setup import HELD, LATE, TOLD, Domains
from polpo.dns.plugins.domains.words import Known, Pair, read, written_pairs
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import Malformed, opened
from polpo.dns.wire.name import parent, suffixes
from polpo.dns.wire.record import Reply, Type

AGAIN_S = 60
"""How often an address is told that is in answers; what was answered is kept no longer."""
MOST_OF_ANSWER = 100
MOST_KNOWN, MOST_HELD = 20_000, 2_000
_ADDRESSES = frozenset({int(Type.A), int(Type.AAAA)})


def make(value: Domains, next: Handler, place: Place) -> Handler:
    telling = Telling(value, next, place)
    place.fed("domains", telling.take)
    place.hands_on("domains", telling.relay)
    return telling.handle


class _Held:
    """An answer that waits for what is `missing`."""

    __slots__ = ("cancel", "go", "missing")

    def __init__(self, missing: set[Pair], go: Callable[[], None]) -> None:
        self.missing, self.go = missing, go
        self.cancel: Callable[[], None] = lambda: None


class Telling:
    def __init__(self, value: Domains, next: Handler, place: Place) -> None:
        self._hold_s, self._next, self._place = value.hold_s, next, place
        self._wanted: frozenset[bytes] = frozenset()
        self._endings: tuple[bytes, ...] = ()  # the same: most names have none of them
        self._holds = False
        self._known: dict[Pair, float] = {}  # when it is to be told again
        self._waiting: dict[Pair, list[_Held]] = {}
        self._held = 0
        slot = partial(place.counts.slot, TOLD.name, place.server)
        self._values, self._told = place.counts.values, slot()
        self._holding = place.counts.slot(HELD.name, place.server)
        self._late = place.counts.slot(LATE.name, place.server)

    def take(self, message: bytes) -> Iterable[bytes]:
        """What was answered under a wildcard that is new has not been told."""
        said = read(message)
        if isinstance(said, Known):
            self._holds = (self._holds or said.holds) and self._hold_s > 0
            self._learn(said.pairs)
            return ()
        before, self._wanted = self._wanted, frozenset(said.names)
        self._endings = tuple(self._wanted)
        self._holds = said.holds and self._hold_s > 0
        self._known = {p: at_s for p, at_s in self._known.items() if p[0] in self._wanted}
        if not self._holds:
            for held in {id(h): h for waiting in self._waiting.values() for h in waiting}.values():
                self._release(held, late=True)
        return (EVERYTHING,) if self._wanted - before else ()

    def relay(self, next: handing.Relay) -> handing.Relay:
        """All whose answers nobody has to look at."""

        def relay(queries: list[handing.Query], back: handing.Back) -> set[int]:
            endings, above = self._endings, self._above
            if endings:
                queries = [
                    q for q in queries if not q[0].endswith(endings) or not above(q[0], q[4])
                ]
            return next(queries, back)

        return relay

    def handle(self, query: Query, answer: Answer) -> None:
        is_near = query.name.endswith(self._endings)
        above = self._above(query.name, query.type) if is_near else None
        if above:
            self._next(query, lambda reply: self._replied(query, above, reply, answer))
        else:
            self._next(query, answer)

    def _above(self, name: bytes, type: int) -> list[bytes]:
        """The wildcards that the name is under; any depth, not its own."""
        if type not in _ADDRESSES:
            return []
        return [suffix for suffix in suffixes(parent(name)) if suffix in self._wanted]

    def _replied(self, query: Query, above: list[bytes], reply: Reply, answer: Answer) -> None:
        """The name that was asked for counts, whatever aliases its addresses are of."""
        addresses = _addresses(reply, query.type)
        pairs = [(suffix, address) for suffix in above for address in addresses]
        now, known = self._place.now(), self._known
        due = [pair for pair in pairs if known.get(pair, 0.0) <= now]
        missing = {pair for pair in due if pair not in known}
        if not due or self._tell(due, now):
            reply = reply._replace(ttl_s=min(reply.ttl_s or AGAIN_S, AGAIN_S))
        else:
            query.keep = False
        if not missing:
            answer(reply)
        elif self._holds and self._held < MOST_HELD:
            self._hold(query, missing, partial(answer, reply))
        else:
            self._values[self._late] += 1
            answer(reply)

    def _tell(self, due: list[Pair], now: float) -> bool:
        """False if there is nobody to tell. Nobody waits for what need not be waited for."""
        new = [pair for pair in due if pair not in self._waiting]
        if new and not self._place.tell("domains", written_pairs(new)):
            self._holds = False
            return False
        self._values[self._told] += len(new)
        for pair in due:
            if not self._holds or pair in self._known:
                self._know(pair, now)
        return True

    def _hold(self, query: Query, missing: set[Pair], go: Callable[[], None]) -> None:
        held = _Held(missing, go)
        for pair in missing:
            self._waiting.setdefault(pair, []).append(held)
        self._held += 1
        self._values[self._holding] += 1

        def give_up() -> None:
            query.keep = self._holds = False  # once is enough, until it works again
            self._release(held, late=True)

        held.cancel = self._place.later(self._hold_s, give_up)

    def _learn(self, pairs: Iterable[Pair]) -> None:
        now = self._place.now()
        for pair in pairs:
            if pair[0] in self._wanted:
                self._know(pair, now)
            for held in self._waiting.pop(pair, ()):
                held.missing.discard(pair)
                if not held.missing:
                    self._release(held)

    def _release(self, held: _Held, *, late: bool = False) -> None:
        for pair in held.missing:
            waiting = self._waiting.get(pair, [])
            waiting.remove(held)
            if not waiting:
                del self._waiting[pair]
        held.cancel()
        self._held -= 1
        self._values[self._late] += late
        held.go()

    def _know(self, pair: Pair, now: float) -> None:
        """What was told longest ago makes room."""
        self._known.pop(pair, None)
        self._known[pair] = now + AGAIN_S
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _addresses(reply: Reply, type: int) -> list[bytes]:
    try:
        records = opened(reply).answer
    except Malformed:
        return []
    return [record.data for record in records if record.type == type][:MOST_OF_ANSWER]
