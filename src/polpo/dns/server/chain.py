"""Server blocks as chains of handlers, and which of them a name belongs to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.counts import Counts
from polpo.dns.handing import Relay, Through
from polpo.dns.plugin import ORDER, handler_of, setup_of
from polpo.dns.query import Answer, Facts, Handler, Query
from polpo.dns.turn import Turn
from polpo.dns.wire.name import ROOT, is_within, suffixes
from polpo.dns.wire.record import Rcode, Reply

FEW = 6
Receive = Callable[[bytes], Iterable[bytes]]


SEEING_NOTHING = frozenset({"errors", "forward"})  # plugins that a reply passes as it is


class Chain(NamedTuple):
    """What answers for one zone of a listener: the handler, and the labels of metrics. With `relay`
    there is nothing to do but to hand queries on; what it does not take, the handler has to do.
    With `choose` there are several blocks with views, of which that is one."""

    handler: Handler
    server: str
    zone: str
    relay: Relay | None = None
    view: str = ""
    choose: Callable[[Query], Chain | None] | None = None


Zones = Mapping[bytes, Chain]  # of one listener, by the zone's wire form


class BlockPlace:
    """polpo.dns.plugin.Place for one block of one listener."""

    def __init__(
        self,
        zones: tuple[bytes, ...],
        server: str,
        counts: Counts,
        resolve: Callable[[Query, Answer], None],
        later: Callable[[float, Callable[[], None]], Callable[[], None]],
        turn: Turn,
        view: str = "",
        has_metadata: bool = False,
        tell: Callable[[str, bytes], bool] = lambda plugin, message: False,
    ) -> None:
        self.tell = tell
        self.turn = turn
        self.view = view
        self.has_metadata = has_metadata
        self.facts = Facts()
        self.describe = self.facts.says.__setitem__
        self.describe_family = self.facts.families.__setitem__
        self.describe("view/name", lambda query: view)
        self.zones = zones
        self.server = server
        self.counts = counts
        self.resolve = resolve
        self.later = later
        self.receivers: dict[str, Receive] = {}
        self.ends: list[Callable[[], None]] = []
        self.at_end = self.ends.append
        self._services: dict[str, object] = {}
        self.through: dict[str, Through] = {}
        self.hands_on = self.through.__setitem__

    now = staticmethod(time.monotonic)

    def fed(self, plugin: str, receive: Receive) -> None:
        self.receivers[plugin] = receive

    def provide(self, plugin: str, service: object) -> None:
        self._services[plugin] = service

    def provided(self, plugin: str) -> Any:
        return self._services.get(plugin)

    def say(self, words: str) -> None:
        print(words, flush=True, file=sys.stdout)


def build_handler(block: ServerBlock, place: BlockPlace) -> Handler:
    """The handlers of a block's plugins, one in front of the other, in the fixed order.

    They are made from the last to the first: what a later plugin provides, an earlier one finds.
    """
    handler: Handler = refuse
    for name in reversed(ORDER):
        directives = block.named(name)
        if directives:
            module = handler_of(name)
            if module is not None:
                value = setup_of(name).parse(directives, block)
                handler = module.make(value, handler, place)
    return handler


def relay_of(block: ServerBlock, place: BlockPlace) -> Relay | None:
    """How queries of the block can be handed on by batches, if they can."""
    names = {d.name for d in block.directives if handler_of(d.name) is not None}
    forwarding = place.provided("forward")
    if forwarding is None or not names <= SEEING_NOTHING | place.through.keys():
        return None
    relay: Relay = forwarding.relay
    for name in reversed(ORDER):
        if name in place.through:
            relay = place.through[name](relay)
    return relay


def refuse(query: Query, answer: Answer) -> None:
    """The end of each chain: nobody here answers."""
    answer(Reply(Rcode.REFUSED, authoritative=False))


def chain_finder(zones: Zones) -> Callable[[bytes], Chain | None]:
    """`find_chain` for zones that stay: with a few it is quicker to compare them all."""
    if len(zones) > FEW:
        return lambda name: find_chain(zones, name)
    by_length = sorted(zones.items(), key=lambda item: -len(item[0]))

    def find(name: bytes) -> Chain | None:
        for zone, chain in by_length:
            if name.endswith(zone) and (zone == ROOT or is_within(name, zone)):
                return chain
        return None

    return find


def find_chain(zones: Zones, name: bytes) -> Chain | None:
    """The chain of the longest zone that the name is within."""
    for suffix in suffixes(name):
        found = zones.get(suffix)
        if found is not None:
            return found
    return None
