"""Reads what the switch tells of packets that ports were not to send, or to receive.

A sample: the switch tells of a few of each port's a second, and here the newest kinds are kept, for
the status and for the log. How many there were in all is counted by the switch (metrics.py).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from polpo.dataplane.rings import DENIED
from polpo.dataplane.tables import Drop, unpack_address
from polpo.kernel.ring import Ring
from polpo.runtime.clock import Clock, monotonic
from polpo.target.denial import Denial
from polpo.target.rows import Port

GATHER_S = 0.2  # records wait so long in the kernel, so that a flood wakes nobody often
TELL_S = 1.0
KEPT, KEPT_S = 64, 600.0
LOGGED, AGAIN_S = 5, 60.0  # lines of one gathering; when a kind that goes on is logged again

Kind = tuple[str, str, str, str, str, int, int]


class Denials:
    """`port_at`: ifindex -> the row of the port there. `now` is the time of day, for people.

    Told to `listen`, it does within that event loop; `tell` has the status said.
    """

    def __init__(
        self,
        ring: Ring,
        port_at: Callable[[int], Port | None],
        now: Clock,
        tell: Callable[[], None],
        clock: Clock = monotonic,
    ) -> None:
        self._ring, self._port_at, self._now, self._tell = ring, port_at, now, tell
        self._clock = clock
        self._kinds: dict[Kind, Denial] = {}  # the newest are last
        self._heard: dict[Kind, float] = {}
        self._logged: dict[Kind, float] = {}
        self._told = True
        self._log = structlog.get_logger("polpo.agent")

    def listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._ring.fileno(), self._wait)

    def recent(self) -> tuple[Denial, ...]:
        """Oldest first."""
        since = self._clock() - KEPT_S
        return tuple(denial for kind, denial in self._kinds.items() if self._heard[kind] >= since)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._ring.fileno())
        loop.call_later(GATHER_S, self._gather)

    def _gather(self) -> None:
        self.hear(self._ring.read())
        self.listen()
        if self._told:
            self._told = False
            asyncio.get_running_loop().call_later(TELL_S, self._tell_once)

    def _tell_once(self) -> None:
        self._told = True
        self._tell()

    def hear(self, records: Iterable[bytes]) -> None:
        fresh: dict[Kind, Port] = {}
        for record in records:
            told = DENIED.unpack(record)
            port = self._port_at(told["ifindex"])
            if port is not None:  # else it is gone meanwhile
                fresh[self._keep(_denial(port, told, self._now()))] = port
        while len(self._kinds) > KEPT:
            kind = next(iter(self._kinds))
            del self._kinds[kind], self._heard[kind]
            self._logged.pop(kind, None)
        self._say([(kind, port) for kind, port in fresh.items() if kind in self._kinds])

    def _keep(self, denial: Denial) -> Kind:
        kind = kind_of(denial)
        known = self._kinds.pop(kind, None)
        count = 1 + (known.count if known is not None else 0)
        self._kinds[kind], self._heard[kind] = replace(denial, count=count), self._clock()
        return kind

    def _say(self, fresh: list[tuple[Kind, Port]]) -> None:
        now, never = self._clock(), -AGAIN_S
        due = [one for one in fresh if now - self._logged.get(one[0], never) >= AGAIN_S]
        for kind, port in due[:LOGGED]:
            self._logged[kind] = now
            _, direction, reason, source, destination, protocol, number = kind
            self._log.info(
                "denied",
                port=port.id,
                name=port.name,
                direction=direction,
                reason=reason,
                source=source,
                destination=destination,
                protocol=protocol,
                number=number,
                seen=self._kinds[kind].count,
            )


def kind_of(denial: Denial) -> Kind:
    """What is the same thing happening again."""
    return (
        denial.port,
        denial.direction,
        denial.reason,
        denial.source,
        denial.destination,
        denial.protocol,
        denial.number,
    )


def _denial(port: Port, told: Mapping[str, Any], now: float) -> Denial:
    """What answers something is told of as what it answers."""
    reason = Drop(told["reason"])
    ends, numbers = [told["source"], told["destination"]], [told["source_port"], told["port"]]
    incoming = reason == Drop.INGRESS_POLICY
    if told["reply"]:
        ends, numbers, incoming = ends[::-1], numbers[::-1], not incoming
    return Denial(
        port=port.id,
        direction="ingress" if incoming else "egress",
        reason=reason.name.lower(),
        source=unpack_address(ends[0]),
        destination=unpack_address(ends[1]),
        protocol=told["protocol"],
        number=int.from_bytes(numbers[1], "big"),
        vni=told["vni"],
        at=now,
    )
