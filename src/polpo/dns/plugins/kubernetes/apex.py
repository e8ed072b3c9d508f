"""The records of a zone itself: SOA, NS and their addresses, the version of the schema."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from polpo.dns.plugins.kubernetes.options import (
    POD,
    SVC,
    VERSION,
    Options,
    is_reverse,
    nameserver,
)
from polpo.dns.plugins.kubernetes.records import Table
from polpo.dns.wire.name import parent, prepend
from polpo.dns.wire.record import Record, Type

REFRESH_S, RETRY_S, EXPIRE_S = 7200, 1800, 86_400
LONGEST_SOA_TTL_S = 300
VERSION_TTL_S = 28_800
SCHEMA = b"1.1.0"
_NUMBERS = struct.Struct("!IIIII")


def soa(zone: bytes, serial: int, options: Options) -> Record:
    """CoreDNS's own figures; `serial` is when something last changed (Unix seconds)."""
    numbers = _NUMBERS.pack(serial & 0xFFFFFFFF, REFRESH_S, RETRY_S, EXPIRE_S, options.ttl_s)
    data = nameserver(zone) + prepend(b"hostmaster", zone) + numbers
    return Record(zone, Type.SOA, min(options.ttl_s, LONGEST_SOA_TTL_S), data)


def zone_records(zone: bytes, serial: int, options: Options, servers: Iterable[Record]) -> Table:
    """`servers` are the addresses, under their names, at which the zone is served."""
    servers = tuple(servers)
    ttl_s = options.ttl_s
    names = dict.fromkeys(server.owner for server in servers)
    apex = (soa(zone, serial, options), *(Record(zone, Type.NS, ttl_s, name) for name in names))
    if is_reverse(zone):
        return {zone: apex}
    own, version = nameserver(zone), VERSION + zone
    text = bytes((len(SCHEMA),)) + SCHEMA
    return {
        zone: apex,
        own: tuple(dict.fromkeys(server._replace(owner=own) for server in servers)),
        parent(own): (),
        version: (Record(version, Type.TXT, VERSION_TTL_S, text),),
        SVC + zone: (),
        POD + zone: (),
    }
