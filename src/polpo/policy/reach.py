"""Waits until hosts have what the network was told."""

from __future__ import annotations

import asyncio

from polpo.client.insisting import Network
from polpo.client.session import ApiError


class Reach:
    """`begin()` when there is something to tell, `told()` of each revision that it makes, `end()`
    when all is told."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._revision = self._reached = 0
        self._is_told = asyncio.Event()
        self._asking = asyncio.Lock()

    def begin(self) -> None:
        self._is_told.clear()

    def told(self, revision: int) -> None:
        self._revision = revision

    def end(self) -> None:
        self._is_told.set()

    async def wait(self, within_s: float) -> bool:
        """Whether all live hosts have what there is to tell now."""
        try:
            async with asyncio.timeout(within_s):
                await self._is_told.wait()
                wanted = self._revision
                async with self._asking:  # who waits longer waits for what is newer, and for all
                    while self._reached < wanted:
                        await self._ask(within_s)
        except (TimeoutError, ApiError):
            return False
        return True

    async def _ask(self, within_s: float) -> None:
        """ApiError 504 if they do not reach it in time."""
        revision, path = self._revision, f"/revisions/{self._revision}"

        def ask() -> None:
            self._network.hosts("GET", path, timeout=within_s)

        await asyncio.to_thread(ask)
        self._reached = revision
