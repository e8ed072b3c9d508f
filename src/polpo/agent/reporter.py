"""Says the host's status to the controller: at every change, and every few seconds besides."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.target.status import Status

PERIOD_S = 5.0
GATHER_S = 0.02  # changes that come together are said together
REFUSED_S = 10.0


class Reporter:
    def __init__(self, controller: Controller, status: Callable[[], Status]) -> None:
        self._controller, self._status = controller, status
        self._changed = asyncio.Event()
        self._said: tuple[object, ...] = ()
        self._log = structlog.get_logger("polpo.agent")

    def look(self) -> None:
        """Called after each pass: says what a waiting user is waiting for at once."""
        if _essence(self._status()) != self._said:
            self._changed.set()

    async def run(self) -> None:
        while True:
            await self._wait()
            await self._say()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PERIOD_S):
                await self._changed.wait()
        await asyncio.sleep(GATHER_S)

    async def _say(self) -> None:
        self._changed.clear()
        status = self._status()
        try:
            await self._controller.report(status)
            self._said = _essence(status)
        except Unreachable as e:
            self._log.debug("status not reported", reason=str(e))  # the feed tells it louder
        except Refused as e:
            self._log.warning("status refused", reason=f"{e.status}: {e}")
            await asyncio.sleep(REFUSED_S if e.status in (401, 403) else 1.0)


def _essence(status: Status) -> tuple[object, ...]:
    return status.revision, status.ports, status.error, status.moved


def now() -> str:
    """For people, not for comparing."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
