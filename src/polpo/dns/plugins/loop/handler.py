"""A name that nobody else knows is asked of the server itself. If it comes in again, from the
network, the server's upstreams are the server.

CoreDNS ends the process then, which makes a wrong resolv.conf a pod that restarts for ever. Here
the loop is said, once a minute until it is gone. It does no harm meanwhile: `forward` asks about
the same thing once at a time, so that a query that comes back waits for itself, and is given up.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

from polpo.dns.handing import Relay
from polpo.dns.plugin import Place
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import join, labels, to_text
from polpo.dns.wire.record import Rcode, Reply, Type

FIRST_S = 0.2
AGAIN_S = 60.0


def make(value: None, next: Handler, place: Place) -> Handler:
    probing = Probing(next, place)
    place.hands_on("loop", probing.relay)
    return probing.handle


class Probing:
    """The workers of one server know each other's probe: it may come back to any of them."""

    def __init__(self, next: Handler, place: Place) -> None:
        self._next = next
        self._place = place
        zone = place.zones[0] if place.zones else b"\0"
        self._name = join([_mark(place.server), b"loop", *labels(zone)])
        self._said_at = -AGAIN_S
        place.later(FIRST_S, self._probe)

    def _probe(self) -> None:
        self._place.resolve(Query(self._name, Type.HINFO), lambda reply: None)

    def handle(self, query: Query, answer: Answer) -> None:
        if query.name != self._name:
            self._next(query, answer)
            return
        query.keep = False
        if not query.client:
            self._next(query, answer)
            return
        self._say(query.client)
        answer(Reply(Rcode.REFUSED, authoritative=False, plugin="loop"))

    def relay(self, next: Relay) -> Relay:
        """All but probes."""
        own = self._name
        return lambda queries, back: next([each for each in queries if each[0] != own], back)

    def _say(self, client: str) -> None:
        now = self._place.now()
        if now - self._said_at >= AGAIN_S:
            self._said_at = now
            self._place.say(
                f"[FATAL] plugin/loop: Loop ({client}) detected for zone {to_text(self._name)}: "
                "what this server forwards comes back to it. Look at the upstreams of forward, and "
                "at the resolv.conf that they were read from"
            )
            self._place.later(AGAIN_S, self._probe)


def _mark(server: str) -> bytes:
    """The same in all workers of a control process, and in no other process anywhere."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    text = f"{boot}{socket.gethostname()}{os.getppid()}{server}"
    return hashlib.sha256(text.encode()).hexdigest()[:32].encode()
