"""What a worker knows of the cluster: records by name, as control tells them."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.dns.plugins.kubernetes.apex import soa
from polpo.dns.plugins.kubernetes.batch import Client, decode, unpack
from polpo.dns.plugins.kubernetes.options import SVC, Options
from polpo.dns.plugins.kubernetes.records import ZONAL, label
from polpo.dns.wire.name import ROOT
from polpo.dns.wire.record import Record, Type

_SOA = int(Type.SOA)


class Store:
    """Also what other plugins of the block ask of this one: `transfer` and `autopath`."""

    def __init__(self, options: Options) -> None:
        self.names: dict[bytes, bytes] = {}  # records packed
        self.synced = False
        self._options = options
        self._clients: dict[str, Client] = {}
        self._soa = {zone: soa(zone, 0, options) for zone in options.zones}
        self._longest_first = sorted(options.zones, key=len, reverse=True)

    def receive(self, message: bytes) -> Iterable[bytes]:
        """One message of the feed; answers with the names that it is about."""
        batch = decode(message)
        names = self.names
        for owner, packed in batch.names:
            if packed is None:
                names.pop(owner, None)
            else:
                names[owner] = packed
                if owner in self._soa:
                    self._soa[owner] = unpack(owner, packed, _SOA)[0]
        for address, client in batch.clients.items():
            if client is not None:
                self._clients[address] = client
            else:
                self._clients.pop(address, None)
        self.synced = self.synced or batch.synced
        return [owner for owner, _ in batch.names]

    def records(self, name: bytes, type: int = 0) -> tuple[Record, ...]:
        """Of a name, or those of a type; none if there is no such name."""
        packed = self.names.get(name)
        return unpack(name, packed, type) if packed else ()

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
        return self._soa[zone]

    def zone_records(self, name: bytes) -> tuple[Record, ...] | None:
        """All records of a zone, its SOA first (`transfer`); None if it is not ours or not known
        yet. Zone-scoped names are for questions only, as in CoreDNS."""
        if name not in self._soa or not self.synced:
            return None
        inside = [n for n in self.names if n.endswith(name) and self.zone_of(n) == name]
        shown = sorted((n for n in inside if ZONAL not in n), key=lambda n: (len(n), n))
        records = (r for n in shown for r in self.records(n) if r.type != Type.SOA)
        return (self.soa(name), *records)

    def client(self, address: str) -> Client | None:
        """The pod with this address, if it is known."""
        return self._clients.get(address)

    def search_path(self, client: str) -> tuple[bytes, ...]:
        """What a pod's resolver tries, by the pod's address (`autopath @kubernetes`); empty if no
        such pod is known."""
        pod = self._clients.get(client)
        if pod is None:
            return ()
        zone = self._options.local[0]
        own = (label(pod.namespace.encode()) + SVC + zone, SVC + zone, zone)
        return (*own, *self._options.search, ROOT)
