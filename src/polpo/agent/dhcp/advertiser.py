"""Router advertisements that nobody asked for: at once when there is news, else now and then.

Looked at after each pass of the loop, so nothing waits or wakes for it.
"""

import random
from collections.abc import Callable, Mapping

import msgspec

from polpo.agent.dhcp.advertisement import Advertisement, advertisements, frame
from polpo.agent.dhcp.link import Link
from polpo.runtime.clock import Clock

LEAST_S, MOST_S = 200.0, 600.0  # MinRtrAdvInterval, MaxRtrAdvInterval (RFC 4861, 6.2.1)
Send = Callable[[int, bytes], None]


class Told(msgspec.Struct, frozen=True):
    """What a port has heard, and when it is to hear it again."""

    said: tuple[Advertisement, ...]
    due: float


class Advertiser:
    def __init__(self, send: Send, clock: Clock) -> None:
        self._send, self._clock = send, clock
        self._told: dict[int, Told] = {}  # by ifindex

    def look(self, links: Mapping[int, Link]) -> None:
        """`links` by ifindex: all ports that have to hear of their routers."""
        now, before = self._clock(), self._told
        self._told = {}
        for ifindex, link in links.items():
            said, told = advertisements(link), before.get(ifindex, Told((), now))
            if not said and not told.said:
                continue
            if said != told.said or now >= told.due:
                self._take_back(ifindex, told.said, said)
                for one in said:
                    self._send(ifindex, frame(one))
                told = Told(said, now + random.uniform(LEAST_S, MOST_S))
            self._told[ifindex] = told

    def _take_back(
        self, ifindex: int, before: tuple[Advertisement, ...], now: tuple[Advertisement, ...]
    ) -> None:
        """Routers that are there no more say so themselves."""
        left = {one.router for one in now}
        for one in before:
            if one.router not in left and one.router.forwards:
                self._send(ifindex, frame(one, last=True))
