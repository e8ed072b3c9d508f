"""What a handler is: the shape that every plugin has in a worker (docs/design/dns.md)."""

from __future__ import annotations

from collections.abc import Callable

from polpo.dns.wire.message import Option
from polpo.dns.wire.record import Reply

Peer = tuple[str, int]
Say = Callable[["Query"], str]


class Facts:
    """What plugins say about queries: by label, or by the first two parts of it for families of
    labels, which are told the rest."""

    def __init__(self) -> None:
        self.says: dict[str, Say] = {}
        self.families: dict[str, Callable[[str, Query], str]] = {}

    def of(self, query: Query, label: str) -> str:
        """ "" if nobody says anything."""
        say = self.says.get(label)
        if say is not None:
            return say(query)
        plugin, _, rest = label.partition("/")
        name, _, rest = rest.partition("/")
        family = self.families.get(f"{plugin}/{name}")
        return family(rest, query) if family is not None else ""


NO_FACTS = Facts()


class Query:
    """One question on its way through the plugins of a server block.

    `name` is the question's name in wire form, lower-case (the server puts the asker's own case
    back); `type` and `class_` numbers; `client` the asker's address as text and `port`; `protocol`
    "udp", "tcp", "tls" or "https"; `flags` those of the header (RD, CD, AD are of use);
    `dnssec_ok` and `size` what EDNS said (size 512 without it), `edns` whether it said anything,
    and with which `options`. `message` is the
    query as it came, empty when a plugin has made or changed it.

    A handler whose answer must not be kept for the next asker of the same bytes (it depends on the
    client, on chance, or has to see every query) clears `keep`. `cached` is "success" or "denial"
    and the cache's zones, when the same bytes would be a hit of the cache the next time. `error` is
    what kept a plugin from answering, for the log; `upstream` who was asked; `facts` what plugins
    say about the query, if `metadata` is there.
    """

    __slots__ = (
        "_peer",
        "cached",
        "class_",
        "dnssec_ok",
        "edns",
        "error",
        "facts",
        "flags",
        "keep",
        "message",
        "name",
        "options",
        "protocol",
        "size",
        "type",
        "upstream",
    )

    def __init__(
        self,
        name: bytes,
        type: int,
        class_: int = 1,
        *,
        peer: Peer | Callable[[], Peer] = ("", 0),
        protocol: str = "udp",
        flags: int = 0x0100,
        edns: bool = False,
        dnssec_ok: bool = False,
        size: int = 512,
        message: bytes = b"",
        options: tuple[Option, ...] = (),
    ) -> None:
        self.name = name
        self.type = type
        self.class_ = class_
        self._peer = peer
        self.protocol = protocol
        self.dnssec_ok = dnssec_ok
        self.size = size
        self.flags = flags
        self.edns = edns
        self.message = message
        self.options = options
        self.cached = ""
        self.error = ""
        self.upstream = ""
        self.facts = NO_FACTS
        self.keep = True

    @property
    def client(self) -> str:
        return self.peer[0]

    @property
    def port(self) -> int:
        return self.peer[1]

    @property
    def peer(self) -> Peer:
        """Address and port of the asker; worked out when somebody wants to know."""
        peer = self._peer
        if not isinstance(peer, tuple):
            peer = self._peer = peer()
        return peer

    def learn_peer(self, peer: Callable[[], Peer]) -> None:
        """Unless it is known already."""
        if not isinstance(self._peer, tuple):
            self._peer = peer

    def asking(self, name: bytes, type: int) -> Query:
        """The same asker's question about something else."""
        query = Query(
            name,
            type,
            self.class_,
            peer=self._peer,
            protocol=self.protocol,
            flags=self.flags,
            edns=self.edns,
            dnssec_ok=self.dnssec_ok,
            size=self.size,
            options=self.options,
        )
        query.keep = self.keep
        query.facts = self.facts
        return query

    def fact(self, label: str) -> str:
        """What a plugin says about the query by this label; "" if nobody does."""
        return self.facts.of(self, label)


Answer = Callable[[Reply], None]
Handler = Callable[[Query, Answer], None]
