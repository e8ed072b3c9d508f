"""Queries by HTTPS (RFC 8484): `/dns-query`, GET and POST, in HTTP/2 and HTTP/1.1.

What a request is and how an answer is sent is the version's own matter (`http_one`, `http_two`);
here is what both have: the question in it, what is answered, and the bounds.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable
from typing import Protocol, cast
from urllib.parse import parse_qs, urlsplit

from polpo.dns.server.answering import Asked, begin
from polpo.dns.server.connections import Connections
from polpo.dns.server.exchange import LONGEST_BODY, TYPE, Request, Response
from polpo.dns.server.http_one import HttpOne
from polpo.dns.server.http_two import HttpTwo
from polpo.dns.wire.message import Malformed, read_message
from polpo.dns.wire.record import Rcode, Type
from polpo.dns.wire.render import render_error

IDLE_S = 30.0
PATH = "/dns-query"


class Version(Protocol):
    """A connection's HTTP, without its socket."""

    def receive(self, data: bytes) -> list[Request]:
        """Whole requests; ValueError if the other side does not speak HTTP."""

    def more(self) -> list[Request]:
        """What came before, and had to wait for an answer to what came before that."""

    def respond(self, number: int, response: Response) -> None: ...

    def to_send(self) -> bytes: ...

    @property
    def is_over(self) -> bool:
        """Nothing more is to be said: close when all is sent."""


class HttpsConnection(asyncio.Protocol):
    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._version: Version = HttpOne()
        self._transport: asyncio.Transport | None = None
        self._peer = ("", 0)
        self._waiting = 0
        self._last = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._all.admit(self, self._transport)
        if peer is None:
            return
        self._peer = peer
        if self._transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self._version = HttpTwo()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.open.discard(self)
        self._transport = None

    def pause_writing(self) -> None:
        """Who does not read what was answered is not read from."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._handle(lambda: self._version.receive(data))

    def _handle(self, read: Callable[[], list[Request]]) -> None:
        """Answer, now or later, what is read, and what that lets through."""
        try:
            requests = read()
            while requests:
                for request in requests:
                    self._answer(request)
                requests = self._version.more()
        except ValueError:  # no HTTP
            self._flush()
            if self._transport is not None:
                self._transport.close()
            return
        self._flush()

    def _answer(self, request: Request) -> None:
        self._last = time.monotonic()
        message = message_of(request)
        if isinstance(message, Response):
            self._version.respond(request.number, message)
        else:
            self._ask(request.number, message)

    def _ask(self, number: int, message: bytes) -> None:
        channel = self._all.channel
        kept = channel.table.find(message[2:], self._last)
        if kept is not None:
            body, slot, terms, _ = kept
            turn = channel.tally.turn(slot)
            body = body if terms is None else terms.body(body, turn)
            self._version.respond(number, answered(message[:2] + body))
            return
        asked = begin(channel, message)
        if not isinstance(asked, Asked):
            self._version.respond(number, answered(asked) if asked else Response(400))
            return
        if asked.question.type in {Type.AXFR, Type.IXFR}:  # of many messages
            self._version.respond(number, answered(render_error(message, Rcode.NOTIMP)))
            return
        asked.ask(self._peer)
        if asked.wire is not None:
            self._version.respond(number, answered(asked.wire))
            return
        self._waiting += 1
        asked.send = lambda wire: self._answer_later(number, wire)

    def _answer_later(self, number: int, wire: bytes) -> None:
        self._waiting -= 1
        if self._transport is not None:
            self._version.respond(number, answered(wire))
            self._handle(self._version.more)
            if self._all.closing:
                self.close_if_done()

    def _flush(self) -> None:
        if self._transport is None:
            return
        data = self._version.to_send()
        if data:
            self._transport.write(data)
        if self._version.is_over and not self._waiting:
            self._transport.close()

    def close_if_idle(self, now: float) -> None:
        if self._transport is not None and not self._waiting and now - self._last > IDLE_S:
            self._transport.close()

    def close_if_done(self) -> None:
        if self._transport is not None and not self._waiting:
            self._transport.close()


def message_of(request: Request) -> bytes | Response:
    """The DNS message in a request, or what is wrong with it."""
    target = urlsplit(request.target)
    if target.path != PATH:
        return Response(404)
    if request.method == "POST":
        if request.type.partition(";")[0].strip().lower() != TYPE:
            return Response(415)
        return request.body if len(request.body) <= LONGEST_BODY else Response(413)
    if request.method != "GET":
        return Response(405)
    text = parse_qs(target.query).get("dns", [""])[0]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return Response(400)


def answered(wire: bytes) -> Response:
    if not wire:
        return Response(500)
    return Response(200, wire, _fresh_s(wire))


def _fresh_s(wire: bytes) -> int:
    """The least TTL of the answer; of a denial what its SOA says."""
    try:
        message = read_message(wire)
    except Malformed:
        return 0
    ttls = [record.ttl_s for record in message.answer]
    if not ttls:
        soas = (record for record in message.authority if record.type == Type.SOA)
        ttls = [min(r.ttl_s, int.from_bytes(r.data[-4:], "big")) for r in soas]
    return min(ttls, default=0)
