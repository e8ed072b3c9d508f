"""What a handler is: the shape that every plugin has in a worker (docs/design/dns.md)."""

from __future__ import annotations

from collections.abc import Callable

from polpo.dns.wire.record import Reply


class Query:
    """One question on its way through the plugins of a server block.

    `name` is the question's name in wire form, lower-case (the server puts the asker's own case
    back); `type` and `class_` numbers; `client` the asker's address as text; `protocol` "udp",
    "tcp" or "tls"; `dnssec_ok` and `size` what EDNS said (size 512 without it). A handler whose
    answer must not be kept for the next asker of the same bytes (it depends on the client, on
    chance, or has to see every query) clears `keep`.
    """

    __slots__ = ("class_", "client", "dnssec_ok", "keep", "name", "protocol", "size", "type")

    def __init__(
        self,
        name: bytes,
        type: int,
        class_: int = 1,
        *,
        client: str = "",
        protocol: str = "udp",
        dnssec_ok: bool = False,
        size: int = 512,
    ) -> None:
        self.name = name
        self.type = type
        self.class_ = class_
        self.client = client
        self.protocol = protocol
        self.dnssec_ok = dnssec_ok
        self.size = size
        self.keep = True


Answer = Callable[[Reply], None]
Handler = Callable[[Query, Answer], None]
