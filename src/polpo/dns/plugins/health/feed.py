"""The page of `health`, and what asking it costs, as a measure of how busy control is."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet, Page
from polpo.dns.plugins.health.setup import Health


class HealthFeed:
    """Nothing is watched: whoever gets the page knows."""

    ready = True

    def __init__(self, value: Health, outlet: Outlet) -> None:
        outlet.serve_http(value.address, "/health", Page(self._page))

    async def _page(self) -> tuple[int, str]:
        return 200, "OK"

    def everything(self) -> Iterable[bytes]:
        return ()

    async def run(self) -> None:
        """Nothing to do."""


def make_feed(value: Health, outlet: Outlet, block: ServerBlock) -> HealthFeed:
    return HealthFeed(value, outlet)
