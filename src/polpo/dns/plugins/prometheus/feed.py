"""The page of `prometheus`."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet, Page

TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsFeed:
    """Workers are asked when Prometheus asks."""

    ready = True

    def __init__(self, address: str, outlet: Outlet) -> None:
        self._outlet = outlet
        outlet.serve_http(address, "/metrics", Page(self._page, TYPE))

    async def _page(self) -> tuple[int, str]:
        return 200, await self._outlet.scrape()

    def everything(self) -> Iterable[bytes]:
        return ()

    async def run(self) -> None:
        """Nothing to do."""


def make_feed(value: str, outlet: Outlet, block: ServerBlock) -> MetricsFeed:
    return MetricsFeed(value, outlet)
