"""What hosts' reports say to the placer: who is there, and what instances there are doing."""

from polpo.api.hosts_v1.reports import Report, Reports
from polpo.placement import homes
from polpo.placement.homes import Said
from polpo.placement.needs import ANYWHERE
from polpo.placement.presence import Presence
from polpo.runtime.clock import Clock

PAUSE_S = 5.0
"""After a pause of more than this between looks we begin anew: it was us who were not there."""


class Listening:
    """A physical network that a host has no more is missed as the host itself would be."""

    def __init__(self, reports: Reports, clock: Clock, patience_s: float) -> None:
        self._reports, self._clock, self._patience_s = reports, clock, patience_s
        self._seen: dict[tuple[str, str], float] = {}  # host and physical network: when last
        self._since = self._last = clock()

    def presence(self) -> Presence:
        now = self._clock()
        if now - self._last > PAUSE_S:
            self._since = now
        self._last = now
        unknown = now - self._since <= self._patience_s
        return Presence(self._offers(), self._keeps(now), unknown, self._heard())

    def _heard(self) -> frozenset[str]:
        return frozenset(address for _, r in self._live() for address in r.status.heard)

    def said(self) -> Said:
        return Said({host: _report(report) for host, report in self._live()})

    def _live(self) -> list[tuple[str, Report]]:
        """Of the hosts that are neither dead nor silent for too long."""
        since = self._clock() - self._patience_s
        live = ((h, r) for h, r in self._reports.items() if self._reports.is_alive(h))
        return [(host, report) for host, report in live if report.seen >= since]

    def _offers(self) -> dict[str, frozenset[str]]:
        return {host: frozenset(_networks(report)) for host, report in self._live()}

    def _keeps(self, now: float) -> dict[str, set[str]]:
        for host, report in self._reports.items():
            self._seen |= {(host, network): report.seen for network in _networks(report)}
        self._seen = {x: at for x, at in self._seen.items() if now - at <= self._patience_s}
        kept: dict[str, set[str]] = {}
        for host, network in self._seen:
            kept.setdefault(host, set()).add(network)
        return kept


def _networks(report: Report) -> set[str]:
    """The physical networks that the host has; whatever it has, what needs none can be there."""
    return {ANYWHERE, *report.status.uplinks}


def _report(report: Report) -> homes.Report:
    status = report.status
    return homes.Report(status.looked, frozenset(status.active), frozenset(status.ready))
