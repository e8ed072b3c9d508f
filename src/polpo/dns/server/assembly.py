"""A configuration to what answers: chains, channels, listeners."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import NamedTuple

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.counts import Counts
from polpo.dns.plugin import EVERYTHING
from polpo.dns.plugins.tls.context import server_context
from polpo.dns.plugins.view.setup import test_of, view_of
from polpo.dns.query import Answer, Query
from polpo.dns.server.answering import Channel
from polpo.dns.server.chain import (
    BlockPlace,
    Chain,
    Zones,
    build_handler,
    find_chain,
    refuse,
    relay_of,
)
from polpo.dns.server.connections import Connections
from polpo.dns.server.link import Configuration, Server, Sockets
from polpo.dns.server.tally import Tally, zone_text
from polpo.dns.server.tcp import TcpConnection
from polpo.dns.server.udp import UdpListener
from polpo.dns.server.views import Option, chosen_by
from polpo.dns.turn import Turn

Later = Callable[[float, Callable[[], None]], Callable[[], None]]
Tell = Callable[[int, str, bytes], bool]
"""A message for the feed of a block's plugin; False where there is none."""


def _connections(scheme: str, channel: Channel) -> Connections:
    """HTTP is loaded where it is spoken."""
    if scheme != "https":
        return Connections(channel, TcpConnection)
    from polpo.dns.server.https import HttpsConnection

    return Connections(channel, HttpsConnection)


class TcpListener(NamedTuple):
    """A listening socket, not accepted from yet."""

    socket: socket.socket
    connections: Connections
    tls: ssl.SSLContext | None


class Assembly:
    """All that a worker answers with."""

    def __init__(
        self, configuration: Configuration, loop: asyncio.AbstractEventLoop, tell: Tell
    ) -> None:
        self.counts = Counts()
        self.tally = Tally()
        self.places: dict[int, list[BlockPlace]] = {}
        self.channels: list[Channel] = []
        self.zones: list[dict[bytes, Chain]] = []  # of each server
        self.udp: list[UdpListener] = []
        self.tcp: list[TcpListener] = []
        self._loop = loop
        self._tell = tell
        self.turn = Turn(loop.call_soon)
        for server in configuration.servers:
            self._add_server(server, configuration.blocks)

    def apply(self, block: int, plugin: str, message: bytes) -> None:
        """A message of a plugin's feed; what was kept about names that it changes is dropped."""
        names: list[bytes] = []
        for place in self.places.get(block, ()):
            receive = place.receivers.get(plugin)
            if receive is not None:
                names += receive(message)
        if EVERYTHING in names:
            for channel in self.channels:
                channel.table.clear()
        elif names:
            for channel in self.channels:
                channel.table.forget(names)

    def close(self) -> None:
        """Close what handlers have open; listeners are the caller's."""
        for places in self.places.values():
            for place in places:
                for end in place.ends:
                    end()

    def _add_server(self, server: Server, blocks: list[ServerBlock]) -> None:
        zones: dict[bytes, Chain] = {}
        self.zones.append(zones)
        owners = dict.fromkeys(chain.from_iterable(server.zones.values()))

        def resolve(query: Query, answer: Answer) -> None:
            found = find_chain(zones, query.name)
            if found is not None and found.choose is not None:
                found = found.choose(query)
            (found.handler if found else refuse)(query, answer)

        options = {index: self._option(server, index, blocks[index], resolve) for index in owners}
        for zone, indexes in server.zones.items():
            zones[zone] = _chain([options[index] for index in indexes], zone, zones)
        tls = None
        if server.scheme != "dns":
            tls = server_context([blocks[index] for index in owners], server.scheme)
        for sockets in server.sockets:
            self._open(sockets, zones, server.scheme, tls)

    def _option(
        self,
        server: Server,
        index: int,
        block: ServerBlock,
        resolve: Callable[[Query, Answer], None],
    ) -> Option:
        """A block's handlers, and the view that it is for."""
        view = view_of(block)
        place = BlockPlace(
            block.zones,
            server.label,
            self.counts,
            resolve,
            self._later,
            self.turn,
            view.name if view else "",
            bool(block.named("metadata")),
            partial(self._tell, index),
        )
        self.places.setdefault(index, []).append(place)
        handler = build_handler(block, place)
        relay = None if view else relay_of(block, place)
        made = Chain(handler, server.label, "", relay, place.view)
        return Option(made, place, test_of(view, server.label) if view else None)

    def _open(
        self, sockets: Sockets, zones: dict[bytes, Chain], scheme: str, tls: ssl.SSLContext | None
    ) -> None:
        if sockets.udp >= 0:
            channel = Channel(zones, self.tally, "udp", sockets.family)
            self.channels.append(channel)
            sock = _inherited(sockets.udp)
            self.udp.append(UdpListener(sock, channel, self.turn))
        if sockets.tcp >= 0:
            protocol = "tcp" if scheme == "dns" else scheme
            channel = Channel(zones, self.tally, protocol, sockets.family)
            self.channels.append(channel)
            connections = _connections(scheme, channel)
            self.tcp.append(TcpListener(_inherited(sockets.tcp), connections, tls))

    def _later(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        return self._loop.call_later(delay_s, call).cancel


def _chain(options: list[Option], zone: bytes, zones: Zones) -> Chain:
    named = [
        option._replace(chain=option.chain._replace(zone=zone_text(zone))) for option in options
    ]
    if len(named) == 1 and named[0].fits is None:
        return named[0].chain
    return chosen_by(named, zone, zones)


def _inherited(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock
