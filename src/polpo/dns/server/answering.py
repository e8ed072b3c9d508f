"""From a query's bytes to an answer's, at once or later; what may be kept goes in the table."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

from polpo.dns.query import Peer, Query
from polpo.dns.server.chain import Chain, Zones, chain_finder
from polpo.dns.server.table import FOREVER, Kept, Table, Terms
from polpo.dns.server.tally import MOST_COMBINATIONS, Combination, Tally, rcode_label, type_label
from polpo.dns.wire.message import OPCODE, QR, Malformed, Question, read_question
from polpo.dns.wire.record import Rcode, Reply, Type
from polpo.dns.wire.render import SMALLEST_SIZE, render_error, render_reply, truncated
from polpo.dns.wire.transfer import render_transfer
from polpo.kernel.datagrams import SLOT_BYTES

LARGEST_UDP = 4096  # CoreDNS has no bound here; more than this never arrives whole anyway
LARGEST_TCP = 65535
KEPT_RCODES = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})
TRANSFERS = frozenset({Type.AXFR, Type.IXFR})


class Channel:
    """Where queries come from: one protocol and family of one listener, and its table."""

    def __init__(self, zones: Zones, tally: Tally, protocol: str, family: str) -> None:
        self.zones = zones
        self.tally = tally
        self.protocol = protocol
        self.family = family
        self.table = Table()
        self.find_chain = chain_finder(zones)
        self.slots: dict[tuple[object, ...], tuple[int, Combination]] = {}
        self.is_datagrams = protocol == "udp"
        first = next(iter(zones.values()), None)
        self.server = first.server if first is not None else ""

    def combination(
        self,
        chain: Chain | None,
        rcode: int,
        plugin: str,
        type: int,
        dnssec_ok: bool,
        asked_bytes: int,
        answered_bytes: int,
    ) -> tuple[int, Combination]:
        """The labels of an answer, and their slot: those that there have been are remembered."""
        key = (id(chain), type, rcode, plugin, dnssec_ok, asked_bytes, answered_bytes)
        found = self.slots.get(key)
        if found is None:
            combination = Combination(
                chain.server if chain else self.server,
                chain.zone if chain else "dropped",
                "udp" if self.is_datagrams else "tcp",
                self.family,
                type_label(type),
                rcode_label(rcode),
                plugin,
                dnssec_ok,
                asked_bytes,
                answered_bytes,
                view=chain.view if chain else "",
            )
            if len(self.slots) > MOST_COMBINATIONS:
                self.slots.clear()
            found = self.slots[key] = (self.tally.slot(combination), combination)
        return found


class Asked:
    """One query that is worked on. `wire` is the whole answer as soon as there is one; if `send` is
    set by then, it is called with it (the answer comes later). `framed`: with lengths, for TCP."""

    __slots__ = (
        "begun",
        "chain",
        "channel",
        "framed",
        "message",
        "query",
        "question",
        "send",
        "wire",
    )

    def __init__(self, channel: Channel, message: bytes, question: Question) -> None:
        self.channel = channel
        self.message = message
        self.question = question
        self.wire: bytes | None = None
        self.send: Callable[[bytes], None] | None = None
        self.begun = time.monotonic()
        self.chain: Chain | None = None
        self.query: Query | None = None
        self.framed = False

    def ask(self, peer: Peer | Callable[[], Peer]) -> None:
        """Find who answers, and let them. Nothing that a handler does wrong goes further."""
        question = self.question
        name = question.name.lower()
        chain = self.chain = self.channel.find_chain(name)
        edns = question.edns
        query = self.query = Query(
            name,
            question.type,
            question.class_,
            peer=peer,
            protocol=self.channel.protocol,
            flags=question.flags,
            edns=edns is not None,
            dnssec_ok=edns is not None and edns.dnssec_ok,
            size=self._size(),
            message=self.message,
            options=edns.options if edns is not None else (),
        )
        if chain is not None and chain.choose is not None:
            chain = self.chain = chain.choose(query)
        refusal = self._refusal(chain)
        if refusal is not None or chain is None:
            query.keep = False
            self.answer(Reply(refusal or Rcode.REFUSED, authoritative=False))
            return
        try:
            chain.handler(query, self.answer)
        except Exception:
            self._panic()

    def ask_for_peer(self, peer: Callable[[], Peer]) -> None:
        """Where to learn who asks, from now on."""
        if self.query is not None:
            self.query.learn_peer(peer)

    def answer(self, reply: Reply) -> None:
        """What handlers call, once."""
        if self.wire is not None:
            return
        try:
            self._render(reply)
        except Exception:
            self._panic()
        if self.send is not None and self.wire:
            self.send(self.wire)

    def drop(self) -> None:
        """No answer at all."""
        self.wire = b""

    def _size(self) -> int:
        if not self.channel.is_datagrams:
            return LARGEST_TCP
        edns = self.question.edns
        return min(max(edns.size, SMALLEST_SIZE), LARGEST_UDP) if edns else SMALLEST_SIZE

    def _refusal(self, chain: Chain | None) -> int | None:
        question = self.question
        if question.flags & OPCODE:
            return Rcode.NOTIMP
        if question.edns is not None and question.edns.version:
            return Rcode.BADVERS
        if chain is None or question.class_ != 1:
            return Rcode.REFUSED
        return None

    def _render(self, reply: Reply) -> None:
        query, channel = self.query, self.channel
        assert query is not None
        if reply.rcode < 0:
            self.drop()
            return
        if query.type in TRANSFERS and len(reply.answer) > 1:
            query.keep = False
            self.wire = render_transfer(self.question, self.message, reply)
            self.framed = True
        elif reply.message:
            self.wire = self._relay(reply.message, query.size)
        else:
            self.wire = render_reply(self.message, self.question, reply, query.size)
        sizes = (len(self.message), len(self.wire))
        slot, combination = channel.combination(
            self.chain, reply.rcode, reply.plugin, query.type, query.dnssec_ok, *sizes
        )
        channel.tally.count(slot, time.monotonic() - self.begun, combination)
        if query.keep and reply.rcode in KEPT_RCODES:
            self._keep(reply, query, combination)

    def _keep(self, reply: Reply, query: Query, combination: Combination) -> None:
        assert self.wire is not None
        if query.cached:
            combination = combination._replace(cached=query.cached)
        variants = self._variants(reply, query.size) if reply.shuffled else ()
        ends = self.begun + reply.ttl_s if reply.ttl_s else FOREVER
        is_long = max(map(len, (self.wire, *variants))) + 2 > SLOT_BYTES
        terms = Terms(ends, variants, is_long) if reply.ttl_s or variants or is_long else None
        others = [name for name in reply.about if name != query.name]
        about = (query.name, *others) if others else query.name
        kept: Kept = (self.wire[2:], self.channel.tally.slot(combination), terms, about)
        self.channel.table.keep(self.message[2:], kept)

    def _variants(self, reply: Reply, size: int) -> tuple[bytes, ...]:
        return tuple(
            render_reply(self.message, self.question, reply._replace(answer=answer), size)[2:]
            for answer in reply.shuffled
        )

    def _relay(self, message: bytes, size: int) -> bytes:
        """An upstream's message as it is, under the asker's ID, cut if it is too long for them."""
        if len(message) > size:
            message = truncated(message, self.question.end)
        return self.message[:2] + message[2:]

    def _panic(self) -> None:
        """A fault of ours: the asker gets SERVFAIL, the log the trace, Prometheus a number."""
        self.channel.tally.panics += 1
        print(f"[ERROR] {traceback.format_exc()}", file=sys.stderr, flush=True)
        if self.wire is None:
            reply = Reply(Rcode.SERVFAIL, authoritative=False)
            self.wire = render_reply(self.message, self.question, reply, SMALLEST_SIZE)


def begin(channel: Channel, message: bytes) -> Asked | bytes:
    """A query to be asked, or what to answer at once; b"" for what deserves no answer."""
    if len(message) < 12 or message[2] & QR >> 8:
        return b""
    try:
        return Asked(channel, message, read_question(message))
    except Malformed:
        return render_error(message, Rcode.FORMERR)
