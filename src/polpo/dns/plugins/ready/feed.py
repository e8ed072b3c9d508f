"""The page of `ready`: OK, or which plugins are not."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet, Page
from polpo.dns.plugins.ready.setup import Ready


class ReadyFeed:
    """Nothing is watched: the others are asked when somebody asks."""

    ready = True

    def __init__(self, value: Ready, outlet: Outlet) -> None:
        self._value = value
        self._outlet = outlet
        self._unready: set[str] | None = None
        outlet.serve_http(value.address, "/ready", Page(self._page))

    async def _page(self) -> tuple[int, str]:
        unready = set(self._outlet.unready())
        if self._value.once and self._unready is not None:
            unready &= self._unready
        self._unready = unready
        return (503, ",".join(sorted(unready))) if unready else (200, "OK")

    def everything(self) -> Iterable[bytes]:
        return ()

    async def run(self) -> None:
        """Nothing to do."""


def make_feed(value: Ready, outlet: Outlet, block: ServerBlock) -> ReadyFeed:
    return ReadyFeed(value, outlet)
