"""AXFR (RFC 5936), and IXFR answered with all of the zone (RFC 1995 4).

Plugins that have zones provide an object with `zone_records(name)`: all records, the SOA first, or
None if the zone is not theirs.
"""

from __future__ import annotations

from typing import Protocol

from polpo.dns.plugin import Place
from polpo.dns.plugins.transfer.setup import EVERYBODY, Transfer
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import is_within
from polpo.dns.wire.record import Rcode, Record, Reply, Type

PROVIDERS = ("file", "kubernetes")
_TRANSFERS = frozenset({Type.AXFR, Type.IXFR})


class Provider(Protocol):
    def zone_records(self, name: bytes) -> tuple[Record, ...] | None: ...


def make(value: tuple[Transfer, ...], next: Handler, place: Place) -> Handler:
    def transfer(query: Query, answer: Answer) -> None:
        if query.type not in _TRANSFERS:
            next(query, answer)
            return
        rules = [r for r in value if any(is_within(query.name, zone) for zone in r.zones)]
        if not rules:
            next(query, answer)
            return
        query.keep = False
        allowed = frozenset().union(*(rule.to for rule in rules))
        if EVERYBODY not in allowed and query.client not in allowed:
            answer(Reply(Rcode.REFUSED, authoritative=False, plugin="transfer"))
            return
        records = _records(place, query.name)
        if records is None:
            next(query, answer)
        elif query.protocol == "udp":
            # By UDP the SOA alone tells the secondary to come by TCP (RFC 1995 2).
            whole = query.type == Type.IXFR
            reply = Reply(0, records[:1]) if whole else Reply(Rcode.REFUSED, authoritative=False)
            answer(reply._replace(plugin="transfer"))
        else:
            answer(Reply(0, (*records, records[0]), plugin="transfer"))

    return transfer


def _records(place: Place, name: bytes) -> tuple[Record, ...] | None:
    for provider in PROVIDERS:
        service: Provider | None = place.provided(provider)
        records = service.zone_records(name) if service is not None else None
        if records:
            return records
    return None
