"""Records as zone files have them (RFC 1035 5): dnspython reads them, here is what comes of it."""

from __future__ import annotations

from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone

from polpo.dns.wire.name import cased_from_text, to_text
from polpo.dns.wire.record import Record
from polpo.dns.wire.registry import type_number


def load_types() -> None:
    """All that dnspython would load when it meets a type for the first time: a worker may not read
    it then."""
    dns.rdata.load_all_types()  # type: ignore[no-untyped-call]


def record_from_text(text: str) -> Record:
    """`NAME [TTL] [IN] TYPE DATA`. ValueError says what is wrong."""
    words = text.split(None, 1)
    if len(words) < 2:
        raise ValueError(f"{text!r} is no record")
    owner, rest = cased_from_text(words[0]), words[1]
    ttl_s = 3600
    while True:
        word, _, after = rest.partition(" ")
        if word.isdigit():
            ttl_s = int(word)
        elif word.upper() != "IN":
            break
        rest = after.lstrip()
    word, _, data = rest.partition(" ")
    type = type_number(word)
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.RdataType.make(type),
            data,
            origin=dns.name.root,
            relativize=False,
        )
    except (dns.exception.DNSException, ValueError) as wrong:
        raise ValueError(f"{text!r}: {wrong}") from wrong
    return Record(owner, type, ttl_s, rdata.to_wire() or b"")


def read_zone(path: Path, origin: bytes) -> list[Record]:
    """The records of a zone file, which has a SOA; NS records it may do without, as CoreDNS has it.
    ValueError or OSError says why not."""
    try:
        zone = dns.zone.from_file(
            str(path), origin=to_text(origin), relativize=False, check_origin=False
        )
    except (dns.exception.DNSException, ValueError) as wrong:
        raise ValueError(f"{path}: {wrong or type(wrong).__name__}") from wrong
    if zone.get_rdataset(to_text(origin), dns.rdatatype.SOA) is None:
        raise ValueError(f"{path}: no SOA record for {to_text(origin)}")
    return [
        Record((name.to_wire() or b"").lower(), rdata.rdtype, ttl_s, rdata.to_wire() or b"")
        for name, ttl_s, rdata in zone.iterate_rdatas()
    ]
