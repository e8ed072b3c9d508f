"""Whoever becomes active asks its peer for the connections it knows, so that they live on.

Nothing is synchronised while nothing moves: it would cost each new connection. Instead

- before an instance is to take over (`preempt`), and once more when any has become active, it
  connects to its peer in the transit network, reads the peer's translated connections and adds
  those that it does not have. Where the peer's host is lost, TCP is picked up as it comes;
- one that is no longer active forgets its own, once the peer has asked for them or had the time
  to: should it come back they would be lies.

Only the two instances are on that network, and only the peer's address is let in (`ruleset.py`).
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from polpo.agent.gateway.instances import Instance
from polpo.agent.pairs import transit
from polpo.kernel import connections, conntrack, netns
from polpo.runtime.clock import Clock

TIMEOUT_S = 3.0
RETIRED_S = 10.0  # the time that a peer has to ask
MOST_BYTES = 256 << 20  # a million connections
PIECE = 1 << 18
IP_FREEBIND = 15


class Handover:
    """`look` after each pass; `wake` is called when an instance may take over."""

    def __init__(
        self,
        instances: Mapping[int, Instance],
        active: Callable[[], tuple[int, ...]],
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._instances, self._active = instances, active
        self._wake, self._clock = wake, clock
        self._seen: frozenset[int] | None = None  # active when last looked
        self._listening: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._fetching: dict[int, asyncio.Task[None]] = {}
        self._fetched: set[int] = set()
        self._retired: dict[int, float] = {}
        self._moves: Counter[int] = Counter()
        self._log = structlog.get_logger("polpo.agent")

    def may_take_over(self, vni: int) -> bool:
        """Whether it has what its peer knows; else it is being asked for."""
        if vni in self._fetched or vni in self._active():
            return True
        self._fetch(vni)
        return False

    def moves(self, vni: int) -> int:
        """How often it has become active, or got connections: what it has may be anything then."""
        return self._moves[vni]

    def look(self) -> None:
        """Follow who has become active, and who is no longer."""
        now = frozenset(self._active())
        before = now if self._seen is None else self._seen
        self._seen = now
        for vni in now - before:
            self._retired.pop(vni, None)
            self._moves[vni] += 1
            self._fetch(vni)
        self._retired |= dict.fromkeys(before - now, self._clock())
        self._fetched = {v for v in self._fetched if v in self._instances and self._is_moving(v)}
        for vni, since in list(self._retired.items()):
            if self._clock() - since > RETIRED_S:
                self._retire(vni)
        self._listen()

    def _is_moving(self, vni: int) -> bool:
        return self._instances[vni].row.preempt

    def _listen(self) -> None:
        """One listener for each instance's namespace."""
        for vni in [v for v in self._listening if v not in self._instances]:
            self._listening.pop(vni)[1].cancel()
        for vni, instance in self._instances.items():
            identity = netns.identity(instance.netns)
            known = self._listening.get(vni)
            if identity is None or (known is not None and known[0] == identity):
                continue
            if known is not None:
                known[1].cancel()
            task = asyncio.get_running_loop().create_task(self._serve(vni, instance))
            self._listening[vni] = identity, task

    async def _serve(self, vni: int, instance: Instance) -> None:
        own = transit.address(4, instance.row.instance)
        answer = partial(self._answer, vni, instance.netns)
        try:
            sock = netns.inside(instance.netns, partial(_listening, own))
            async with await asyncio.start_server(answer, sock=sock) as server:
                await server.serve_forever()
        except OSError as e:  # tried again after the next pass
            self._log.warning("connections can't be given", router=vni, reason=str(e))
            del self._listening[vni]

    async def _answer(
        self, vni: int, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Until the peer has it all, and has hung up."""
        _leave_nothing(writer.get_extra_info("socket"))
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2 * TIMEOUT_S):
                writer.write(await asyncio.to_thread(netns.inside, name, connections.dump))
                writer.write_eof()
                await reader.read()
        if vni in self._retired:
            self._retire(vni)
        writer.transport.abort()

    def _retire(self, vni: int) -> None:
        del self._retired[vni]
        if vni in self._instances and vni not in self._active():
            with contextlib.suppress(OSError):
                netns.inside(self._instances[vni].netns, conntrack.forget_all)

    def _fetch(self, vni: int) -> None:
        if vni not in self._fetching:
            task = asyncio.get_running_loop().create_task(self._take(vni, self._instances[vni]))
            self._fetching[vni] = task

    async def _take(self, vni: int, instance: Instance) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                dumped = await _read(instance)
            if vni not in self._active():
                self._retired.pop(vni, None)  # begins anew with what the peer has
                await asyncio.to_thread(netns.inside, instance.netns, conntrack.forget_all)
            restore = partial(connections.restore, dumped)
            added = await asyncio.to_thread(netns.inside, instance.netns, restore)
            self._log.info("connections taken over", router=vni, connections=added)
        except (OSError, TimeoutError) as e:
            reason = str(e) or type(e).__name__
            self._log.info("the peer's connections are not to be had", router=vni, reason=reason)
        finally:
            self._moves[vni] += 1
            del self._fetching[vni]
            if self._is_wanted(vni):
                self._fetched.add(vni)
            self._wake()

    def _is_wanted(self, vni: int) -> bool:
        return vni in self._instances and self._is_moving(vni)


def _listening(address: str) -> socket.socket:
    """Also while the address is not there yet."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    sock.bind((address, transit.HANDOVER_PORT))
    return sock


def _leave_nothing(sock: socket.socket) -> None:
    """Reset when it is closed: one that waits for its peer keeps a deleted namespace alive, and
    with it a device outside that has the router's MAC.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))


async def _read(instance: Instance) -> bytes:
    """All that the peer says."""
    peer = transit.address(4, transit.peer(instance.row.instance))
    made = partial(socket.socket, socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    loop, found = asyncio.get_running_loop(), bytearray()
    with netns.inside(instance.netns, made) as sock:
        _leave_nothing(sock)
        await loop.sock_connect(sock, (peer, transit.HANDOVER_PORT))
        while piece := await loop.sock_recv(sock, PIECE):
            found += piece
            if len(found) > MOST_BYTES:
                raise OSError("more than can be")
    return bytes(found)
