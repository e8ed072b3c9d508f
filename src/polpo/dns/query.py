"""What a handler is: the shape that every plugin has in a worker (docs/design/dns.md)."""

from __future__ import annotations

from collections.abc import Callable

from polpo.dns.wire.record import Reply


class Query:
    """One question on its way through the plugins of a server block.

    `name` is the question's name in wire form, lower-case (the server puts the asker's own case
    back); `type` and `class_` numbers; `client` the asker's address as text and `port`; `protocol`
    "udp", "tcp" or "tls"; `flags` those of the header (RD, CD, AD are of use); `dnssec_ok` and
    `size` what EDNS said (size 512 without it), `edns` whether it said anything. `message` is the
    query as it came, empty when a plugin has made or changed it.

    A handler whose answer must not be kept for the next asker of the same bytes (it depends on the
    client, on chance, or has to see every query) clears `keep`. `cached` is "success" or "denial"
    and the cache's zones, when the same bytes would be a hit of the cache the next time. `error` is
    what kept a plugin from answering, for the log.
    """

    __slots__ = (
        "cached",
        "class_",
        "client",
        "dnssec_ok",
        "edns",
        "error",
        "flags",
        "keep",
        "message",
        "name",
        "port",
        "protocol",
        "size",
        "type",
    )

    def __init__(
        self,
        name: bytes,
        type: int,
        class_: int = 1,
        *,
        client: str = "",
        port: int = 0,
        protocol: str = "udp",
        flags: int = 0x0100,
        edns: bool = False,
        dnssec_ok: bool = False,
        size: int = 512,
        message: bytes = b"",
    ) -> None:
        self.name = name
        self.type = type
        self.class_ = class_
        self.client = client
        self.protocol = protocol
        self.dnssec_ok = dnssec_ok
        self.size = size
        self.port = port
        self.flags = flags
        self.edns = edns
        self.message = message
        self.cached = ""
        self.error = ""
        self.keep = True

    def asking(self, name: bytes, type: int) -> Query:
        """The same asker's question about something else."""
        query = Query(
            name,
            type,
            self.class_,
            client=self.client,
            port=self.port,
            protocol=self.protocol,
            flags=self.flags,
            edns=self.edns,
            dnssec_ok=self.dnssec_ok,
            size=self.size,
        )
        query.keep = self.keep
        return query


Answer = Callable[[Reply], None]
Handler = Callable[[Query, Answer], None]
