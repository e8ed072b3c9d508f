"""One upstream as the handler sees it: by which protocol it is asked, and whether it is well."""

from __future__ import annotations

import ssl

from polpo.dns.counts import Counts, Histogram
from polpo.dns.plugin import Place
from polpo.dns.plugins.forward.datagrams import Datagrams
from polpo.dns.plugins.forward.pending import Pending, Relayed, pending
from polpo.dns.plugins.forward.setup import (
    DURATION,
    HEALTH_FAILURES,
    OLD_DURATION,
    OLD_HEALTH_FAILURES,
    OLD_REQUESTS,
    OLD_RESPONSES,
    Forward,
    Target,
)
from polpo.dns.plugins.forward.streams import Streams
from polpo.dns.wire.message import RD
from polpo.dns.wire.record import Rcode, Type
from polpo.dns.wire.render import render_query

HEALTH_TIMEOUT_S = 1.0


class Upstream:
    """It counts, and after a failure it asks until the upstream answers again."""

    def __init__(self, target: Target, value: Forward, place: Place) -> None:
        self.target = target
        self.is_down = False
        self._fails = 0
        self._value = value
        self._place = place
        self._checking = self._closed = False
        # Now: the worker becomes somebody who may not read the files before it is asked anything.
        self._tls = client_context(value.tls_files) if target.protocol == "tls" else None
        self._datagrams: Datagrams | None = None
        self._streams: Streams | None = None
        self._counts = UpstreamCounts(place.counts, target.label)

    def ask(self, asked: Pending, stream: bool) -> None:
        """By TCP or TLS, or by UDP. It may be finished before this returns."""
        counts = self._counts
        counts.values[counts.requests] += 1
        if not stream and self._datagrams is not None:
            self._datagrams.ask(asked)
        else:
            self._ask(asked, stream)

    def relay(self, many: list[Relayed]) -> None:
        """By UDP, or TLS if it is one for that."""
        counts = self._counts
        counts.values[counts.requests] += len(many)
        if self._datagrams is not None:
            self._datagrams.relay(many)
            return
        for relayed in many:
            self._ask(relayed, stream=False)

    def settle(self, rcode: int, seconds: float, times: int = 1) -> None:
        """Take note of how it went; a negative rcode: there was no reply."""
        if rcode >= 0:
            self._counts.observe(rcode, seconds, times)
        elif self._value.max_fails:
            self._begin_checks()

    def _ask(self, asked: Pending, stream: bool) -> None:
        value = self._value
        if stream or self.target.protocol == "tls":
            if self._streams is None:
                self._streams = Streams(
                    self.target,
                    self._tls,
                    value.expire_s,
                    value.read_timeout_s,
                    value.max_age_s,
                )
            self._streams.ask(asked)
            return
        if self._datagrams is None:
            self._datagrams = Datagrams(
                self.target, value.expire_s, value.read_timeout_s, self._place.turn
            )
        self._datagrams.ask(asked)

    def close(self) -> None:
        self._checking = True  # begin no more
        self._closed = True
        for way in (self._datagrams, self._streams):
            if way is not None:
                way.close()

    def _begin_checks(self) -> None:
        """In band: only an upstream that has failed is asked whether it is there."""
        if not self._checking:
            self._checking = True
            self._check()

    def _check(self) -> None:
        if self._closed:
            return
        health = self._value.health
        flags = RD if health.recursion else 0
        asked = render_query(0, health.name, Type.NS, flags=flags)[2:]
        self._ask(pending(asked, self._checked), self._value.force_tcp)

    def _checked(self, message: bytes | None, error: str) -> None:
        """Any reply is a sign of life."""
        if message is not None:
            self._fails, self.is_down = 0, False
            self._checking = False
            return
        if self._closed:
            return
        self._fails += 1
        self.is_down = 0 < self._value.max_fails < self._fails
        self._counts.values[self._counts.health_failures] += 1
        self._place.later(self._value.health.every_s, self._check)


class UpstreamCounts:
    """The metrics of one upstream, under new names and old ones."""

    def __init__(self, counts: Counts, label: str) -> None:
        self._counts = counts
        self._label = label
        self._histograms: dict[int, tuple[Histogram, int]] = {}
        self.values = counts.values
        self.requests = counts.slot(OLD_REQUESTS.name, label)
        self.health_failures = counts.slot(HEALTH_FAILURES.name, "forward", label)
        counts.also(self.health_failures, OLD_HEALTH_FAILURES.name, label)

    def observe(self, rcode: int, seconds: float, times: int) -> None:
        found = self._histograms.get(rcode)
        if found is None:
            found = self._histograms[rcode] = self._make(rcode)
        found[0].observe(seconds, times)
        self.values[found[1]] += times

    def _make(self, rcode: int) -> tuple[Histogram, int]:
        name = Rcode(rcode).name if rcode in set(Rcode) else str(rcode)
        labels = ("forward", self._label, name)
        histogram = self._counts.histogram(DURATION, *labels)
        self._counts.histogram_also(DURATION, labels, OLD_DURATION, self._label, name)
        return histogram, self._counts.slot(OLD_RESPONSES.name, self._label, name)


def client_context(files: tuple[str, ...]) -> ssl.SSLContext:
    """For DoT: no files (the system's authorities), CA, CERT KEY, or CERT KEY CA."""
    authority = files[-1] if len(files) in {1, 3} else None
    context = ssl.create_default_context(cafile=authority)
    if len(files) > 1:
        context.load_cert_chain(files[0], files[1])
    return context
