"""Control's side of a feed, with the store of one worker at its end."""

from __future__ import annotations

from collections.abc import Awaitable

from polpo.dns.counts import Counts
from polpo.dns.plugin import Page
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.wire.name import from_text


class Told:
    """`store` is what a worker knows by what was sent."""

    def __init__(self, options: Options) -> None:
        self.counts, self.store = Counts(), Store(options)
        self.longest = 0  # message, in bytes

    def send(self, message: bytes) -> None:
        self.longest = max(self.longest, len(message))
        self.store.receive(message)

    def serve_http(self, address: str, path: str, page: Page) -> None:
        raise AssertionError("it has no page")

    def unready(self) -> list[str]:
        return []

    async def _nothing(self) -> str:
        return ""

    def scrape(self) -> Awaitable[str]:
        return self._nothing()

    def say(self, words: str) -> None:
        """Nobody listens."""

    def has(self, name: str) -> bool:
        """A name of the cluster's zone."""
        return from_text(f"{name}.cluster.local") in self.store.names
