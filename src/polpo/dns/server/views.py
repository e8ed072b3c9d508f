"""Several blocks for one zone: which of them a query is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from polpo.dns.query import NO_FACTS, Query
from polpo.dns.server.chain import BlockPlace, Chain, refuse
from polpo.dns.wire.name import suffixes

Zones = Mapping[bytes, Chain]


class Option(NamedTuple):
    """A block's chain, if its view fits; without a test it does."""

    chain: Chain
    place: BlockPlace
    fits: Callable[[Query], bool] | None = None


def chosen_by(options: Sequence[Option], zone: bytes, zones: Zones) -> Chain:
    """The first that fits, or else whoever answers for a parent. Nothing of it is kept: the next
    who asks with the same bytes may be somebody else."""

    def choose(query: Query) -> Chain | None:
        query.keep = False
        for option in options:
            query.facts = option.place.facts if option.place.has_metadata else NO_FACTS
            if option.fits is None or option.fits(query):
                return option.chain
        for suffix in list(suffixes(zone))[1:]:
            parent = zones.get(suffix)
            if parent is not None:
                return parent.choose(query) if parent.choose else parent
        return None

    first = options[0].chain
    return Chain(refuse, first.server, first.zone, choose=choose)
