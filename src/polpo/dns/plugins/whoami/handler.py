"""Address and port of the asker, in the additional section."""

from __future__ import annotations

from ipaddress import ip_address

from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import join, labels
from polpo.dns.wire.record import Record, Reply, Type


def make(value: None, next: Handler, place: Place) -> Handler:
    def whoami(query: Query, answer: Answer) -> None:
        query.keep = False
        address = ip_address(query.client)
        type = Type.A if address.version == 4 else Type.AAAA
        protocol = b"_udp" if query.protocol == "udp" else b"_tcp"
        owner = join([protocol, *labels(query.name)])
        port = b"\0\0\0\0" + query.port.to_bytes(2, "big") + b"\0"
        who = Record(query.name, type, 0, address.packed)
        answer(Reply(additional=(who, Record(owner, Type.SRV, 0, port)), plugin="whoami"))

    return whoami
