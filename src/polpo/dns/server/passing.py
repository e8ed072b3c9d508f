"""Queries by UDP that have nothing to be done with here but to be handed on, and replies back.

It is the shortest way through the server for what no table can answer, and goes by batches: each
query costs a look at its question, a tuple that waits, and a look at the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from polpo.dns.handing import Query, Returned
from polpo.dns.server.answering import LARGEST_UDP, TRANSFERS, Channel
from polpo.dns.server.chain import Chain
from polpo.dns.server.tally import Combination
from polpo.dns.turn import Turn
from polpo.dns.wire.glance import glance
from polpo.dns.wire.render import truncated
from polpo.kernel.datagrams import SLOT_BYTES, Batch, Envelope, Outgoing

LongWay = Callable[[bytes, Envelope], None]
# The query, its sender, who answers, where the question ends, type, DO, the size of what is taken.
Waiter = tuple[bytes, Envelope, Chain, int, int, bool, int]


class Passing:
    """Of one listener. `waiting`: how many there is no reply to yet. Who gets none from upstream is
    answered by `long_way`."""

    def __init__(
        self, channel: Channel, batch: Batch, outgoing: Outgoing, turn: Turn, long_way: LongWay
    ) -> None:
        self.waiting = 0
        self.is_there = any(chain.relay is not None for chain in channel.zones.values())
        self._channel = channel
        self._batch = batch
        self._outgoing = outgoing
        self._turn = turn
        self._long_way = long_way

    def take(self, indexes: Sequence[int], data: bytes, lengths: list[int]) -> set[int]:
        """Hand on what is in these slots and is to be handed on: which of them were."""
        find_chain = self._channel.find_chain
        by_chain: dict[int, list[Query]] = {}
        chains: dict[int, Chain] = {}
        for index, envelope in zip(indexes, self._batch.envelopes(indexes), strict=True):
            at = index * SLOT_BYTES
            message = data[at : at + lengths[index]]
            seen = glance(message)
            if seen is None:
                continue
            end, type, dnssec_ok, size = seen
            name = message[12 : end - 4].lower()
            chain = find_chain(name)
            if chain is None or chain.relay is None or size > LARGEST_UDP or type in TRANSFERS:
                continue
            query = (
                name,
                message[2:],
                message[12:end],
                index,
                (message, envelope, chain, end, type, dnssec_ok, size),
            )
            queries = by_chain.get(id(chain))
            if queries is None:
                by_chain[id(chain)], chains[id(chain)] = [query], chain
            else:
                queries.append(query)
        taken: set[int] = set()
        for number, queries in by_chain.items():
            relay = chains[number].relay
            assert relay is not None
            taken |= relay(queries, self._take_back)
        self.waiting += len(taken)
        return taken

    def _take_back(self, returned: list[Returned]) -> None:
        """What upstreams say."""
        self.waiting -= len(returned)
        add, combination = self._outgoing.add, self._channel.combination
        sums: dict[tuple[int, float], int] = {}
        labels: dict[int, Combination] = {}
        is_first = False
        for (asked, envelope, chain, end, type, dnssec_ok, size), reply, seconds in returned:
            if reply is None:
                self._long_way(asked, envelope)
                continue
            if len(reply) > size:
                reply = truncated(reply, end)
            slot, labels[slot] = combination(
                chain, reply[3] & 15, "forward", type, dnssec_ok, len(asked), len(reply)
            )
            sums[slot, seconds] = sums.get((slot, seconds), 0) + 1
            if add(envelope, asked[:2], reply):
                is_first = True
        for (slot, seconds), times in sums.items():
            self._channel.tally.count(slot, seconds, labels[slot], times)
        if is_first:
            self._turn.at_end(self._outgoing.flush)
