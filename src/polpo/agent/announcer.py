"""Says again where addresses are that have moved to this host, for those who have not heard it.

Hosts learn a moved address (a VRRP address among allowed pairs, a gateway's) when it announces
itself. A host that comes to carry the network later, or has forgotten, would drop what it routes
there; one that was away while something moved would send it where that was before. So the switch is
handed the announcement once more, as if the port had made it: at once and some times after when
somebody new is to hear of it, else every half minute.
"""

import contextlib
from collections.abc import Iterable
from typing import Protocol

from polpo.agent.observed import Move
from polpo.dataplane.announcements import announcement
from polpo.runtime.clock import Clock

REFRESH_S = 30.0
EAGER_S, AGAIN_S = 10.0, 1.0  # after a host has come: it may need a moment to be ready


class Moves(Protocol):
    def moves_here(self) -> Iterable[Move]: ...


class Injector(Protocol):
    def inject(self, ifindex: int, frame: bytes) -> None: ...


class Listeners(Protocol):
    def take_listeners(self) -> bool: ...


class Announcer:
    """`look` whenever something was written; cheap where there is nothing to say."""

    def __init__(self, moves: Moves, listeners: Listeners, switch: Injector, clock: Clock) -> None:
        self._moves, self._listeners, self._switch = moves, listeners, switch
        self._clock = clock
        self._eager_until = self._said_at = 0.0

    def tell_again(self) -> None:
        """Somebody is heard who was not, and may have missed something."""
        self._eager_until = self._clock() + EAGER_S

    def look(self) -> None:
        now = self._clock()
        if self._listeners.take_listeners():
            self._eager_until = now + EAGER_S
        if now - self._said_at < (AGAIN_S if now < self._eager_until else REFRESH_S):
            return
        self._said_at = now
        for move in self._moves.moves_here():
            with contextlib.suppress(OSError):  # its device has just gone
                self._switch.inject(move.ifindex, announcement(move.mac, move.address))
