"""Queries by UDP that have nothing to be done with here but to be handed on, and replies back.

It is the shortest way through the server for what no table can answer, and goes by batches: each
query costs a look at its question, a tuple that waits, and a look at the reply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from polpo.dns.handing import Query, Returned
from polpo.dns.server.answering import LARGEST_UDP, TRANSFERS, Channel
from polpo.dns.server.chain import Chain
from polpo.dns.turn import Turn
from polpo.dns.wire.glance import glance
from polpo.dns.wire.render import truncated
from polpo.kernel.datagrams import SLOT_BYTES, Batch, Envelope
from polpo.kernel.posting import Outgoing

LongWay = Callable[[bytes, Envelope], None]
# The query, its sender, who answers, where the question ends, type, DO, the size of what is taken.
Waiter = tuple[bytes, Envelope, Chain, int, int, bool, int]
# The chain's number, rcode, type, DO, bytes of the query and of the reply, seconds.
Labels = tuple[int, int, int, bool, int, int, float]


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
                type,
                dnssec_ok,
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
        messages: list[bytes] = []
        envelopes: list[Envelope] = []
        labels: list[Labels] = []
        chains: dict[int, Chain] = {}
        for (asked, envelope, chain, end, type, dnssec_ok, size), reply, seconds in returned:
            if reply is None:
                self._long_way(asked, envelope)
                continue
            if len(reply) > size:
                reply = truncated(reply, end)
            number = id(chain)
            chains[number] = chain
            labels.append((number, reply[3] & 15, type, dnssec_ok, len(asked), len(reply), seconds))
            messages.append(asked[:2] + reply[2:])
            envelopes.append(envelope)
        self._count(labels, chains)
        if messages and self._outgoing.add(envelopes, messages):
            self._turn.at_end(self._outgoing.flush)

    def _count(self, labels: list[Labels], chains: dict[int, Chain]) -> None:
        combination, count = self._channel.combination, self._channel.tally.count
        for each, times in Counter(labels).items():
            number, rcode, type, dnssec_ok, asked, replied, seconds = each
            slot, combined = combination(
                chains[number], rcode, "forward", type, dnssec_ok, asked, replied
            )
            count(slot, seconds, combined, times)
