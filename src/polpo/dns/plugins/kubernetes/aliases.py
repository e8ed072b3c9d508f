"""ExternalName Services: a CNAME, and what is behind it, here or asked of the server itself."""

from __future__ import annotations

from collections.abc import Callable

from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.query import Answer, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.record import Rcode, Record, Reply, Type

LONGEST_CHAIN = 10
_CNAME = int(Type.CNAME)


class Aliases:
    """`resolve` asks as a client would."""

    def __init__(self, store: Store, resolve: Callable[[Query, Answer], None]) -> None:
        self._store, self._resolve = store, resolve

    def follow(self, query: Query, first: Record, answer: Answer) -> None:
        """A chain that ends in nothing of ours, or in itself, is no answer (as in CoreDNS)."""
        chain = [first]
        while True:
            target = chain[-1].data
            if self._store.zone_of(target) is None:
                self._outside(query, chain, answer)
                return
            found = self._store.records(target, query.type)
            if found:
                answer(self._reply(query, (*chain, *found), chain))
                return
            links = self._store.records(target, _CNAME)
            loops = any(link.owner == target for link in chain)
            if not links or loops or len(chain) > LONGEST_CHAIN:
                answer(self._reply(query, (), chain))
                return
            chain.append(links[0])

    def _outside(self, query: Query, chain: list[Record], answer: Answer) -> None:
        asked = query.asking(chain[-1].data, query.type)

        def got(reply: Reply) -> None:
            reply = opened(reply)
            query.keep = query.keep and asked.keep
            records = (*chain, *reply.answer)
            failed = reply.rcode == Rcode.SERVFAIL
            made = self._reply(query, () if failed else records, chain)
            if failed:
                query.keep = False
                made = made._replace(rcode=Rcode.SERVFAIL)
            lasts_s = min([record.ttl_s for record in (*records, *reply.authority)])
            answer(made._replace(ttl_s=max(1, min(lasts_s, reply.ttl_s or lasts_s))))

        self._resolve(asked, got)

    def _reply(self, query: Query, records: tuple[Record, ...], chain: list[Record]) -> Reply:
        about = (query.name, *(link.data for link in chain))
        zone = self._store.zone_of(query.name)
        authority = () if records or zone is None else (self._store.soa(zone),)
        return Reply(0, records, authority, (), True, about, "kubernetes")
