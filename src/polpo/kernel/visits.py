"""Sockets in namespaces of ours, kept: a question costs no thread that enters, and no new socket.

A socket keeps its namespace alive. So it is closed as soon as the name is gone, or another
namespace has it (`look`), and kept only of those that nobody else makes.
"""

import contextlib

from polpo.kernel import netns, nftables
from polpo.kernel.events import GROUPS, Changes
from polpo.kernel.netlink import Netlink, route_socket

Mark = tuple[int, int]


class Room:
    """What is open in the namespace with this identity."""

    def __init__(self, name: str, identity: int) -> None:
        self.identity = identity
        with contextlib.ExitStack() as undone:
            self.route = undone.enter_context(netns.netlink_in(name))
            self.rules = undone.enter_context(Netlink(netns.inside(name, nftables.rules_socket)))
            self._changes = Changes(netns.inside(name, route_socket), GROUPS)
            undone.pop_all()
        self._moved = 0

    def mark(self) -> Mark:
        self._moved += self._changes.any()
        return self.identity, self._moved

    def close(self) -> None:
        for kept in (self.route, self.rules, self._changes):
            kept.close()


class Visits:
    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    def route(self, name: str) -> Netlink:
        """Speaks for the namespace; is not to be closed. FileNotFoundError if it is gone."""
        return self._room(name).route

    def mark(self, name: str) -> Mark:
        """Another one as soon as something has moved there: a device, an address, a route. While
        it is the same, what was read after it was taken is still so.
        """
        return self._room(name).mark()

    def generation(self, name: str) -> int:
        """See nftables.generation."""
        return nftables.generation(self._room(name).rules)

    def _room(self, name: str) -> Room:
        identity = netns.identity(name)
        if identity is None:
            raise FileNotFoundError(2, f"no namespace {name}")
        room = self._rooms.get(name)
        if room is None or room.identity != identity:
            self._leave(name)
            room = self._rooms[name] = Room(name, identity)
        return room

    def look(self) -> None:
        """Leave those that are not there any more."""
        for name, room in list(self._rooms.items()):
            if netns.identity(name) != room.identity:
                self._leave(name)

    def _leave(self, name: str) -> None:
        if room := self._rooms.pop(name, None):
            room.close()
