"""A configuration to what answers: chains, channels, listeners."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.counts import Counts
from polpo.dns.plugins.tls.context import server_context
from polpo.dns.query import Answer, Query
from polpo.dns.server.answering import Channel
from polpo.dns.server.chain import BlockPlace, Chain, build_handler, find_chain, refuse, relay_of
from polpo.dns.server.link import Configuration, Server, Sockets
from polpo.dns.server.tally import Tally, zone_text
from polpo.dns.server.tcp import TcpConnections
from polpo.dns.server.udp import UdpListener
from polpo.dns.turn import Turn

Later = Callable[[float, Callable[[], None]], Callable[[], None]]


class TcpListener(NamedTuple):
    """A listening socket, not accepted from yet."""

    socket: socket.socket
    connections: TcpConnections
    tls: ssl.SSLContext | None


class Assembly:
    """All that a worker answers with."""

    def __init__(self, configuration: Configuration, loop: asyncio.AbstractEventLoop) -> None:
        self.counts = Counts()
        self.tally = Tally()
        self.places: dict[int, list[BlockPlace]] = {}
        self.channels: list[Channel] = []
        self.zones: list[dict[bytes, Chain]] = []  # of each server
        self.udp: list[UdpListener] = []
        self.tcp: list[TcpListener] = []
        self._loop = loop
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
        if names:
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

        def resolve(query: Query, answer: Answer) -> None:
            chain = find_chain(zones, query.name)
            (chain.handler if chain else refuse)(query, answer)

        for index in dict.fromkeys(server.zones.values()):
            block = blocks[index]
            place = BlockPlace(
                block.zones, server.label, self.counts, resolve, self._later, self.turn
            )
            self.places.setdefault(index, []).append(place)
            handler = build_handler(block, place)
            relay = relay_of(block, place)
            for zone, owner in server.zones.items():
                if owner == index:
                    zones[zone] = Chain(handler, server.label, zone_text(zone), relay)
        tls = None
        if server.scheme == "tls":
            tls = server_context([blocks[index] for index in server.zones.values()])
        for sockets in server.sockets:
            self._open(sockets, zones, tls)

    def _open(
        self, sockets: Sockets, zones: dict[bytes, Chain], tls: ssl.SSLContext | None
    ) -> None:
        if sockets.udp >= 0:
            channel = Channel(zones, self.tally, "udp", sockets.family)
            self.channels.append(channel)
            sock = _inherited(sockets.udp)
            self.udp.append(UdpListener(sock, channel, self.turn))
        if sockets.tcp >= 0:
            channel = Channel(zones, self.tally, "tls" if tls else "tcp", sockets.family)
            self.channels.append(channel)
            listener = TcpListener(_inherited(sockets.tcp), TcpConnections(channel), tls)
            self.tcp.append(listener)

    def _later(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        return self._loop.call_later(delay_s, call).cancel


def _inherited(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock
