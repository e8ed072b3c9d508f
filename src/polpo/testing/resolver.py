"""A Corefile in the test's own process: questions in, messages out, no sockets but upstreams'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from polpo.dns.corefile.parse import parse
from polpo.dns.counts import Counts
from polpo.dns.plugin import Feed, Page, feed_of, setup_of
from polpo.dns.server.answering import Asked, Channel, begin
from polpo.dns.server.assembly import Assembly
from polpo.dns.server.link import Configuration, Server
from polpo.dns.server.plan import make_plan
from polpo.dns.wire.message import Edns, Message, read_message
from polpo.dns.wire.name import cased_from_text, to_text
from polpo.dns.wire.record import Record
from polpo.dns.wire.registry import type_name, type_number
from polpo.dns.wire.render import render_query


class Resolver:
    """What a worker is, and the feeds of control; make it within a running loop."""

    def __init__(self, corefile: str, file: str = "Corefile") -> None:
        self.plan = make_plan(parse(corefile, file), 53)
        servers = [Server(s.label, s.scheme, [], s.zones) for s in self.plan.servers]
        configuration = Configuration(self.plan.blocks, servers)
        self.assembly = Assembly(configuration, asyncio.get_running_loop(), self._tell)
        self._hear: dict[str, Callable[[bytes], None] | None] = {}
        self.counts = Counts()
        self.pages: dict[str, Page] = {}
        self.feeds: list[Feed] = []
        self._channels = self._open()
        self._feed()

    def _open(self) -> dict[str, Channel]:
        zones = self.assembly.zones[0]
        opened = {p: Channel(zones, self.assembly.tally, p, "1") for p in ("udp", "tcp")}
        self.assembly.channels += opened.values()
        return opened

    def _feed(self) -> None:
        for index, block in enumerate(self.plan.blocks):
            for name in dict.fromkeys(directive.name for directive in block.directives):
                module = feed_of(name)
                if module is not None:
                    value = setup_of(name).parse(block.named(name), block)
                    feed = module.make_feed(value, _Outlet(self, index, name), block)
                    for message in feed.everything():
                        self.assembly.apply(index, name, message)
                    self.feeds.append(feed)
                    self.listen(name, getattr(feed, "hear", None))

    def listen(self, plugin: str, hear: Callable[[bytes], None] | None) -> None:
        """Who is told by handlers of the plugin; None: nobody is there."""
        self._hear[plugin] = hear

    def _tell(self, block: int, plugin: str, message: bytes) -> bool:
        hear = self._hear.get(plugin)
        if hear is not None:
            hear(message)
        return hear is not None

    def close(self) -> None:
        self.assembly.close()

    async def wire(
        self,
        name: str,
        type: str = "A",
        *,
        protocol: str = "udp",
        client: str = "192.0.2.1",
        edns: Edns | None = None,
        flags: int = 0x0100,
        id: int = 7,
    ) -> bytes:
        """The answer's bytes; b"" if there is none."""
        question = render_query(
            id, cased_from_text(name), type_number(type), edns=edns, flags=flags
        )
        channel = self._channels[protocol]
        kept = channel.table.find(question[2:], asyncio.get_running_loop().time())
        if kept is not None:
            body, slot, terms, _ = kept
            turn = channel.tally.turn(slot)
            return question[:2] + (body if terms is None else terms.body(body, turn))
        asked = begin(channel, question)
        assert isinstance(asked, Asked)
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        asked.ask((client, 5353))
        if asked.wire is not None:
            return asked.wire
        asked.send = answered.set_result
        async with asyncio.timeout(30):
            return await answered

    async def ask(self, name: str, type: str = "A", **more: object) -> Message:
        """The answer as a message."""
        return read_message(await self.wire(name, type, **more))  # type: ignore[arg-type]

    def is_kept(self, name: str, type: str = "A", id: int = 7) -> bool:
        """Would the table answer this by UDP?"""
        question = render_query(id, cased_from_text(name), type_number(type))
        table = self._channels["udp"].table
        return table.find(question[2:], asyncio.get_running_loop().time()) is not None

    def count(self, name: str, *labels: str) -> float:
        """A counter of the handlers."""
        rows = [*self.assembly.counts.rows(), *self.assembly.tally.rows()]
        return sum(v for n, ls, v in rows if n == name and set(labels) <= set(ls))


class _Outlet:
    """polpo.dns.plugin.Outlet."""

    def __init__(self, resolver: Resolver, block: int, plugin: str) -> None:
        self._resolver = resolver
        self._block = block
        self._plugin = plugin
        self.counts = resolver.counts

    def send(self, message: bytes) -> None:
        self._resolver.assembly.apply(self._block, self._plugin, message)

    def serve_http(self, address: str, path: str, page: Page) -> None:
        self._resolver.pages[path] = page

    def unready(self) -> list[str]:
        return [type(feed).__name__ for feed in self._resolver.feeds if not feed.ready]

    def scrape(self) -> Awaitable[str]:
        raise NotImplementedError

    def say(self, words: str) -> None:
        print(words)


def shown(records: tuple[Record, ...]) -> list[str]:
    """Records as a zone file has them, names and addresses readable."""
    return [
        f"{to_text(r.owner)} {r.ttl_s} {type_name(r.type)} {data_text(r.type, r.data)}"
        for r in records
    ]


def data_text(type: int, data: bytes) -> str:
    """The data of the usual types as text."""
    if type == 1:
        return ".".join(str(byte) for byte in data)
    if type == 28:
        return ":".join(data[i : i + 2].hex() for i in range(0, 16, 2))
    if type in {2, 5, 12}:
        return to_text(data)
    if type == 33:
        numbers = [str(int.from_bytes(data[i : i + 2], "big")) for i in (0, 2, 4)]
        return " ".join([*numbers, to_text(data[6:])])
    if type == 16:
        return repr(data[1:].decode(errors="replace"))
    return data.hex()
