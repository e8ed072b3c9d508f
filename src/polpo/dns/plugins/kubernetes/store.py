"""What a worker knows of the cluster: records by name, as control tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polpo.dns.plugins.kubernetes.apex import soa
from polpo.dns.plugins.kubernetes.batch import decode
from polpo.dns.plugins.kubernetes.options import SVC, Options
from polpo.dns.plugins.kubernetes.records import ZONAL, Table, label
from polpo.dns.wire.record import Record, Type


class Store:
    """Also what other plugins of the block ask of this one: `transfer` and `autopath`."""

    def __init__(self, options: Options) -> None:
        self.names: Table = {}
        self.synced = False
        self._options = options
        self._clients: dict[str, str] = {}
        self._soa = {zone: soa(zone, 0, options) for zone in options.zones}
        self._longest_first = sorted(options.zones, key=len, reverse=True)

    def receive(self, message: bytes) -> Iterable[bytes]:
        """One message of the feed; answers with the names that it is about."""
        batch = decode(message)
        names = self.names
        for owner, records in batch.names:
            if records is None:
                names.pop(owner, None)
            else:
                names[owner] = tuple(
                    Record(owner, type, ttl_s, data) for type, ttl_s, data in records
                )
        for address, namespace in batch.clients.items():
            if namespace:
                self._clients[address] = namespace
            else:
                self._clients.pop(address, None)
        self.synced = self.synced or batch.synced
        return [owner for owner, _ in batch.names]

    def zone_of(self, name: bytes) -> bytes | None:
        """The longest of the plugin's zones that the name is in."""
        for zone in self._longest_first:
            if name.endswith(zone):
                surplus, at = len(name) - len(zone), 0
                while at < surplus:
                    at += 1 + name[at]
                if at == surplus:
                    return zone
        return None

    def soa(self, zone: bytes) -> Record:
        """With serial 0 as long as nothing has been told."""
        records = self.names.get(zone)
        return records[0] if records else self._soa[zone]

    def transfer(self, zone: bytes) -> Iterator[Record] | None:
        """All records of a zone, its SOA first and last (RFC 5936); None if it is not ours or not
        known yet. Zone-scoped names are for questions only, as in CoreDNS."""
        if zone not in self._soa or not self.synced:
            return None
        return self._transfer(zone)

    def _transfer(self, zone: bytes) -> Iterator[Record]:
        first = self.soa(zone)
        yield first
        inside = [n for n in self.names if n.endswith(zone) and self.zone_of(n) == zone]
        for name in sorted(inside, key=lambda n: (len(n), n)):
            if ZONAL not in name:
                yield from (r for r in self.names.get(name, ()) if r.type != Type.SOA)
        yield first

    def search(self, client: str, zone: bytes) -> list[bytes] | None:
        """The search list of a pod by its address (`autopath @kubernetes`); None if unknown."""
        namespace = self._clients.get(client)
        if namespace is None:
            return None
        return [label(namespace.encode()) + SVC + zone, SVC + zone, zone]
