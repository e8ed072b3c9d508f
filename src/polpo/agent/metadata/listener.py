"""Reconciler of the sockets that listen in the service's namespace, and who comes by them."""

import asyncio
import socket
from collections.abc import Mapping

from polpo.agent.metadata.answering import Answering
from polpo.agent.metadata.conversation import Reply, converse
from polpo.agent.metadata.pace import Pace
from polpo.agent.metadata.visitors import Visitors
from polpo.agent.reconciler import Failures, one_by_one
from polpo.dataplane.metadata import PORT, ifindex_of
from polpo.kernel import netns
from polpo.kernel.listening import listen
from polpo.target.changes import Changes

AGAIN_S = 1.0  # when there are no more handles to open
AT_ONCE = 32  # connections taken before others of the agent's have their turn
KEY = "sockets"


class Listener:
    """The name of what listens -> the namespace (its inode) that it does so in.

    Told to `listen`, it takes connections within that event loop: before they wait in the kernel.
    """

    noun = "metadata listener"

    def __init__(self, netns: str, answering: Answering, pace: Pace) -> None:
        self._netns, self._answering, self._pace = netns, answering, pace
        self._visitors = Visitors()
        self._sockets: list[socket.socket] = []
        self._inside: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def wanted(self) -> dict[str, int]:
        identity = netns.identity(self._netns)
        return {} if identity is None else {KEY: identity}

    def read_actual(self) -> Mapping[str, int]:
        return {} if self._inside is None else {KEY: self._inside}

    def apply(self, changes: Changes[str, int]) -> Failures[str]:
        return one_by_one(changes, lambda key, identity: self._open(identity), self._close)

    def listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._attend()

    def _open(self, identity: int) -> None:
        self._close(KEY)
        self._sockets = netns.inside(self._netns, lambda: listen(PORT))
        self._inside = identity
        self._attend()

    def _close(self, key: str) -> None:
        for sock in self._sockets:
            if self._loop is not None:
                self._loop.remove_reader(sock)
            sock.close()
        self._sockets, self._inside = [], None

    def _attend(self) -> None:
        if self._loop is not None:
            for sock in self._sockets:
                self._loop.add_reader(sock, self._take, self._loop, sock)

    def _take(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, peer = sock.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError:
                loop.remove_reader(sock)
                loop.call_later(AGAIN_S, self._attend)
                return
            self._welcome(loop, connection, ifindex_of(peer[0]))

    def _welcome(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, caller: int | None
    ) -> None:
        """Who is no port, or has enough connections, is shown out."""
        if caller is None or not self._visitors.make_room(caller):
            connection.close()
            return
        self._visitors.enter(caller, loop.create_task(self._serve(connection, caller)))

    async def _serve(self, connection: socket.socket, caller: int) -> None:
        async def answer(method: str, path: str) -> Reply:
            await asyncio.sleep(self._pace.delay_s(caller))
            return self._answering.reply(caller, method, path)

        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection)
        await converse(reader, writer, answer)
