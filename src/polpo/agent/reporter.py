"""Says the host's status to the controller: at every change, and every few seconds besides."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.runtime.clock import Clock
from polpo.target.status import Status

PERIOD_S = 5.0
GATHER_S = 0.02  # changes that come together are said together
AGAIN_S, REFUSED_S = 1.0, 10.0


class Reporter:
    def __init__(self, controller: Controller, status: Callable[[], Status], clock: Clock) -> None:
        self._controller, self._status, self._clock = controller, status, clock
        self._woken = asyncio.Event()
        self._said: tuple[object, ...] = ()
        self._said_at = 0.0
        self._log = structlog.get_logger("polpo.agent")

    def wake(self) -> None:
        """Something has been written: look whether there is something to say."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._woken.wait()
            await asyncio.sleep(GATHER_S)
            self._woken.clear()
            await self._look()

    async def _look(self) -> None:
        status = self._status()
        late = self._clock() - self._said_at >= PERIOD_S
        if late or _essence(status) != self._said:
            await self._say(status)

    async def _say(self, status: Status) -> None:
        try:
            await self._controller.report(status)
        except Unreachable as e:
            self._log.debug("status not reported", reason=str(e))  # the feed tells it louder
            await asyncio.sleep(AGAIN_S)
        except Refused as e:
            self._log.warning("status refused", reason=f"{e.status}: {e}")
            await asyncio.sleep(REFUSED_S if e.status in (401, 403) else AGAIN_S)
        else:
            self._said, self._said_at = _essence(status), self._clock()


def _essence(status: Status) -> tuple[object, ...]:
    gateways = status.active, status.ready, status.looked, status.uplinks
    balancers = {vni: (b.members, b.error) for vni, b in status.balancing.items()}
    seen = status.moved, status.sighted, status.denied
    trouble = status.error, status.refused
    return status.revision, status.ports, trouble, seen, gateways, balancers


def now() -> str:
    """For people, not for comparing."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
