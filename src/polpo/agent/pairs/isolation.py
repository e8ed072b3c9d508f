"""A host that nobody answers any more stands down with all its gateways.

VRRP can't tell a dead peer from a lost underlay. Where only the underlay is lost, both instances
would be active, and the one that no workload reaches would draw the world's packets to itself. So
a host that hears no other host and no controller takes its instances out of the election, by a
file that keepalived watches (`track_file`). It comes back when it hears somebody, and whoever is
active then stays it.

Whom it hears it tells the controller: a host whose agent is silent, but which others hear, goes on
with its gateways, and nobody needs to take its place.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Set
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import structlog

from polpo.kernel.echo import Echo
from polpo.runtime.clock import Clock
from polpo.runtime.files import replace_file

ASK_S = 0.5  # so often some other hosts are asked for an echo,
AT_ONCE = 3  # so many, in turn, besides those where the peers are
HEARD_S = 10.0  # whoever has answered within this is heard
SOON_S = 2.0  # a peer that has not answered for longer may not be there
LATE_S = 1.0  # longer than this between two turns: the host had no time for us
SILENT_S = 1.5  # after so long without an answer the controller is asked as well
STANDS, FALLS = b"0\n", b"-254\n"  # what keepalived takes for "no matter" and "fault"


class Asker(Protocol):
    def ask(self, address: str) -> None: ...


class Isolation:
    """Nothing is asked while nothing `matters` here.

    hosts  addresses of all hosts
    peers  of those where the other instances of our gateways are
    """

    def __init__(
        self,
        path: Path,
        own: str,
        hosts: Callable[[], Iterable[str]],
        peers: Callable[[], Iterable[str]],
        matters: Callable[[], bool],
        controller_answers: Callable[[], Awaitable[bool]],
        clock: Clock,
    ) -> None:
        self._path, self._own, self._hosts, self._matters = path, own, hosts, matters
        self._peers = peers
        self._answered: dict[str, float] = {}
        self._controller_answers, self._clock = controller_answers, clock
        self._turn = itertools.count()
        self._near: frozenset[str] = frozenset()
        self.on_peers: Callable[[], None] = lambda: None  # one is heard, or not any more
        self._log = structlog.get_logger("polpo.agent")
        self.isolated = path.exists() and path.read_bytes() == FALLS  # said by an agent before us
        self._looked_at = clock()
        self._heard_at = self._looked_at if not self.isolated else -SILENT_S

    def prepare(self) -> None:
        """The file is there before a keepalived watches it."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, STANDS)

    async def run(self) -> None:
        """Until cancelled."""
        echo = Echo(ip_address(self._own).version)
        loop = asyncio.get_running_loop()
        loop.add_reader(echo.handle, lambda: self.hear(echo.answered()))
        try:
            while True:
                await asyncio.sleep(ASK_S)
                await self.look(echo)
        finally:
            loop.remove_reader(echo.handle)
            echo.close()

    async def look(self, echo: Asker) -> None:
        """One turn: ask, and say what follows from what was heard."""
        others = [host for host in self._hosts() if host != self._own] if self._matters() else []
        if (self._was_away() or not others) and not self.isolated:
            self._heard_at = self._clock()
        if not others:
            return
        for host in sorted({*self._some(others), *self._peers()} - {self._own}):
            echo.ask(host)
        if self._is_silent() and await self._controller_answers():
            self._heard_at = self._clock()
        self._say(self._is_silent())
        self._look_at_peers()

    def _look_at_peers(self) -> None:
        near = frozenset(peer for peer in self._peers() if self.is_near(peer))
        if near != self._near:
            self._near = near
            self.on_peers()

    def is_near(self, address: str) -> bool:
        """Whether the host has answered a moment ago."""
        return self._clock() - self._answered.get(address, -SOON_S) < SOON_S

    def _was_away(self) -> bool:
        """A turn that comes late says nothing of others: what they answered is to be read yet."""
        before, self._looked_at = self._looked_at, self._clock()
        return self._looked_at - before > LATE_S

    def _some(self, others: list[str]) -> Iterator[str]:
        """In turn, so that a few dead ones don't decide."""
        for _ in others[:AT_ONCE]:
            yield others[next(self._turn) % len(others)]

    def hear(self, answered: Set[str]) -> None:
        if answered - {self._own}:
            self._heard_at = self._clock()
            self._answered |= dict.fromkeys(answered - {self._own}, self._heard_at)

    def heard(self) -> tuple[str, ...]:
        """The addresses of the hosts that have answered of late."""
        since = self._clock() - HEARD_S
        self._answered = {host: at for host, at in self._answered.items() if at >= since}
        return tuple(sorted(self._answered))

    def _is_silent(self) -> bool:
        return self._clock() - self._heard_at > SILENT_S

    def _say(self, isolated: bool) -> None:
        if isolated == self.isolated:
            return
        self.isolated = isolated
        replace_file(self._path, FALLS if isolated else STANDS)
        self._log.warning(
            "no other host and no controller answers: gateways stand down"
            if isolated
            else "heard again: gateways may be active"
        )
