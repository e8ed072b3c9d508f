"""Calls that are made until they are answered: what is told is told, later if not now."""

import asyncio
from typing import Any, Protocol

import structlog

from polpo.client.session import ApiError

log = structlog.get_logger()


class Network(Protocol):
    """The controller's API below /v1 (client.session.Session)."""

    def hosts(self, method: str, path: str, body: Any = None, **query: Any) -> Any: ...


class Waits(Protocol):
    """How long after a failure (kube.backoff.Backoff)."""

    def wait_s(self) -> float: ...

    def reset(self) -> None: ...


class Insisting:
    """All below `path`; `trouble` is what the log says of a call that fails."""

    def __init__(self, network: Network, path: str, waits: Waits, trouble: str) -> None:
        self._network, self._path = network, path
        self._waits, self._trouble = waits, trouble

    async def ask(self, method: str, path: str = "", body: Any = None) -> Any:
        """The answer, however long it takes; refusals are asked again, too."""
        while True:
            try:
                answer = await asyncio.to_thread(
                    self._network.hosts, method, self._path + path, body
                )
            except ApiError as error:
                wait_s = self._waits.wait_s()
                again = round(wait_s, 1)
                log.warning(self._trouble, error=str(error), status=error.status, again_in_s=again)
                await asyncio.sleep(wait_s)
            else:
                self._waits.reset()
                return answer
