"""CNAMEs first, then the others, then addresses and mail exchangers in a random order, or, for
names in a file of weights, with one first that is drawn by weight.

What the server keeps of a reply with several addresses is some of the orders, given in turn.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address

from polpo.dns import handing
from polpo.dns.handing import Back, Relay, Returned
from polpo.dns.plugin import Place
from polpo.dns.plugins.loadbalance.setup import LoadBalance, Networks
from polpo.dns.plugins.loadbalance.weights import Weights, first_by_weight, from_message
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.record import Record, Reply, Type
from polpo.dns.wire.skim import HEADER_BYTES, shuffled, skim

ORDERS = 8
_SHUFFLED = frozenset({Type.A, Type.AAAA, Type.MX})
_AT_MOST_ONE = (b"\0\1\0\0", b"\0\1\0\1")  # a question and so many answers
_WHOLE = frozenset({Type.AXFR, Type.IXFR})


def make(value: LoadBalance, next: Handler, place: Place) -> Handler:
    weights: Weights = {}

    def receive(message: bytes) -> Iterable[bytes]:
        """Nothing is kept of names with weights: none is dropped but those that have them now."""
        before = set(weights)
        weights.clear()
        weights.update(from_message(message))
        return before ^ set(weights)

    place.fed("loadbalance", receive)
    if not value.preferred:
        place.hands_on("loadbalance", partial(_through, weights, bool(value.weight_file)))

    def loadbalance(query: Query, answer: Answer) -> None:
        if query.type in _WHOLE:
            next(query, answer)
            return
        of_name = weights.get(query.name)
        if of_name is not None:
            query.keep = False

        def answered(reply: Reply) -> None:
            reply = opened(reply)
            movable = [r for r in reply.answer if r.type in _SHUFFLED]
            if len(movable) > 1:
                fixed = _fixed(reply.answer)
                if of_name is not None:
                    orders: tuple[tuple[Record, ...], ...] = (
                        (*fixed, *first_by_weight(movable, of_name)),
                    )
                elif value.weight_file:
                    orders = (reply.answer,)
                else:
                    count = ORDERS if query.keep else 1
                    orders = _orders(movable, fixed, value.preferred, count)
                reply = reply._replace(answer=orders[0], shuffled=orders)
            answer(reply)

        next(query, answered)

    return loadbalance


def _through(weights: Weights, as_they_are: bool, next: Relay) -> Relay:
    """Addresses of what is handed on by batches change places in the message itself."""

    def take_back(back: Back, returned: list[Returned]) -> None:
        back(
            [
                (waiter, reply if reply is None or as_they_are else _turned(reply, end), seconds)
                for (waiter, end), reply, seconds in returned
            ]
        )

    def relay(queries: list[handing.Query], back: Back) -> set[int]:
        fit = [q for q in queries if q[4] != Type.MX and q[0] not in weights]
        own = [(*q[:6], (q[6], HEADER_BYTES + len(q[2]))) for q in fit]
        return next(own, partial(take_back, back)) if own else set()

    return relay


def _turned(message: bytes, end: int) -> bytes:
    if message[4:8] in _AT_MOST_ONE:
        return message
    places = skim(message, end) if message[4:6] == b"\0\1" else None
    return shuffled(message, places) if places else message


def _fixed(records: tuple[Record, ...]) -> list[Record]:
    names = [r for r in records if r.type == Type.CNAME]
    return names + [r for r in records if r.type not in _SHUFFLED and r.type != Type.CNAME]


def _orders(
    movable: list[Record], fixed: list[Record], preferred: Networks, count: int
) -> tuple[tuple[Record, ...], ...]:
    """Each record is first as often as any other, as far as the count allows."""
    rest = random.sample(movable, len(movable))
    orders = []
    for turn in range(min(count, max(len(rest), 2))):
        at = turn % len(rest)
        order = [rest[at], *random.sample(rest[:at] + rest[at + 1 :], len(rest) - 1)]
        if preferred:
            order.sort(key=lambda record: not _is_preferred(record, preferred))
        orders.append((*fixed, *order))
    return tuple(orders)


def _is_preferred(record: Record, preferred: Networks) -> bool:
    if record.type == Type.MX:
        return False
    address = ip_address(record.data)
    return any(address in network for network in preferred)
