"""The file of weights, read again when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet
from polpo.dns.plugins.loadbalance.setup import LoadBalance
from polpo.dns.plugins.loadbalance.weights import Weights, read_weights, to_message


class WeightsFeed:
    """A file that cannot be read, or is wrong, is said, and changes nothing."""

    def __init__(self, value: LoadBalance, outlet: Outlet) -> None:
        self._value = value
        self._outlet = outlet
        self._text = ""
        self._weights: Weights = {}
        self.ready = True
        if value.weight_file:
            self._look()

    def everything(self) -> Iterable[bytes]:
        return (to_message(self._weights),) if self._value.weight_file else ()

    async def run(self) -> None:
        while self._value.weight_file and self._value.reload_s:
            await asyncio.sleep(self._value.reload_s)
            if self._look():
                for message in self.everything():
                    self._outlet.send(message)

    def _look(self) -> bool:
        """Has anything changed?"""
        file = self._value.weight_file
        try:
            text = Path(file).read_text()
            if text == self._text:
                return False
            self._text = text
            self._weights = read_weights(text)
        except (OSError, ValueError) as failed:
            self._outlet.say(f"[ERROR] plugin/loadbalance: {file}: {failed}")
            return False
        return True


def make_feed(value: LoadBalance, outlet: Outlet, block: ServerBlock) -> WeightsFeed:
    return WeightsFeed(value, outlet)
