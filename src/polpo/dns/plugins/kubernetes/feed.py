"""Control's part: watches the cluster and tells workers what has changed."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet
from polpo.dns.plugins.kubernetes.batch import batches
from polpo.dns.plugins.kubernetes.index import Index
from polpo.dns.plugins.kubernetes.metrics import PROGRAMMING
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.requests import Requests
from polpo.dns.plugins.kubernetes.watching import Watching, cluster_of
from polpo.kernel.addresses import everybody
from polpo.kernel.netlink import Netlink
from polpo.kube.configuration import Cluster, ConfigurationError

LISTING_S = 0.5  # while all is listed: a Service and its endpoints make one change then
STORM_S = 0.05


def make_feed(value: Options, outlet: Outlet, block: ServerBlock) -> KubernetesFeed:
    """Raises CorefileError where no API can be found."""
    (directive,) = block.named("kubernetes")
    try:
        return KubernetesFeed(
            value,
            cluster_of(value),
            outlet,
            own_addresses(block),
            with_labels=bool(block.named("metadata")),
        )
    except ConfigurationError as error:
        raise directive.wrong(str(error)) from error


def own_addresses(block: ServerBlock) -> list[str]:
    """Where this server is reached: what `bind` says, or all addresses of the machine or pod."""
    bound = [word for directive in block.named("bind") for word in directive.arguments]
    literal = [word for word in bound if _is_address(word)]
    if literal:
        return [word for word in literal if not ipaddress.ip_address(word).is_loopback]
    with Netlink() as netlink:
        return everybody(netlink)


class KubernetesFeed:
    """`now` is the time of day, for the zone's serial."""

    def __init__(
        self,
        options: Options,
        cluster: Cluster,
        outlet: Outlet,
        addresses: Iterable[str] = (),
        now: Callable[[], float] = time.time,
        *,
        with_labels: bool = False,
    ) -> None:
        self.startup_timeout_s = options.startup_timeout_s
        self._outlet, self._now = outlet, now
        self._index = Index(options, addresses, with_labels=with_labels)
        requests = Requests(outlet.counts)
        self._watching = Watching(options, cluster, self._index, self._news, requests, outlet.say)
        self._told_synced = False
        self._told_at = 0.0
        self._due: asyncio.Handle | None = None

    @property
    def ready(self) -> bool:
        """All kinds have been listed once, and workers have been told."""
        return self._told_synced

    def everything(self) -> Iterable[bytes]:
        """For a worker that knows nothing."""
        return batches(self._index.everything(), self._index.clients, synced=self._told_synced)

    async def run(self) -> None:
        late = asyncio.get_running_loop().call_later(self.startup_timeout_s, self._say_late)
        try:
            await self._watching.run()
        finally:
            late.cancel()
            if self._due is not None:
                self._due.cancel()

    def _say_late(self) -> None:
        if not self.ready:
            self._outlet.say(
                "[WARNING] plugin/kubernetes: not all is known of the cluster yet; what is not is "
                "answered SERVFAIL"
            )

    def _news(self) -> None:
        """A change alone is told at once; of a storm, what comes within a moment goes together."""
        loop = asyncio.get_running_loop()
        if self._watching.synced and not self._told_synced:
            if self._due is not None:
                self._due.cancel()
            self._due = loop.call_soon(self._tell)
        elif self._due is None:
            pause_s = STORM_S if self._told_synced else LISTING_S
            self._due = loop.call_at(max(loop.time(), self._told_at + pause_s), self._tell)

    def _tell(self) -> None:
        self._due = None
        self._told_at = asyncio.get_running_loop().time()
        names = self._index.settle(int(self._now()))
        newly = self._watching.synced and not self._told_synced
        self._told_synced = self._told_synced or newly
        for message in batches(names.items(), self._index.take_clients(), synced=newly):
            self._outlet.send(message)
        self._measure()

    def _measure(self) -> None:
        """From the moment that the endpoints' controller was told of to now, with both clocks."""
        for service, at in self._watching.triggered:
            headless = self._index.is_headless(service)
            if headless is not None:
                kind = "headless_with_selector" if headless else "cluster_ip"
                histogram = self._outlet.counts.histogram(PROGRAMMING, kind)
                histogram.observe(max(0.0, self._now() - at))
        self._watching.triggered.clear()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
