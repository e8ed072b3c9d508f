"""The newest report of each host, in memory: who is alive, and which revision all have reached."""

from collections.abc import Callable, Iterable

import msgspec

from polpo.api.context import HostReport
from polpo.model.snapshot import Snapshot
from polpo.runtime.clock import Clock
from polpo.target.status import Status

ALIVE_S = 15.0
"""A host that has not been heard for longer holds nobody up."""


class Report(msgspec.Struct, frozen=True):
    """`seen` by the monotonic clock, `at` in unix seconds; `text` is the status as it came."""

    status: Status
    ports: frozenset[str]
    text: str
    seen: float
    at: float


class Reports:
    """`clock` is monotonic; `now` about the time of day, for people and other replicas."""

    def __init__(self, clock: Clock, now: Clock, alive_s: float = ALIVE_S) -> None:
        self._clock, self.now, self._alive_s = clock, now, alive_s
        self._reports: dict[str, Report] = {}
        self._decode = msgspec.json.Decoder(Status).decode
        self._slowest: tuple[str, int] | None = None
        self.on_gateways: Callable[[], None] = lambda: None  # a host says something new of its own
        self.on_members: Callable[[], None] = lambda: None  # or of load balancers' members

    def hear(self, host: str, text: bytes) -> Status:
        """Take a host's status. Raises msgspec.MsgspecError if it is not one."""
        return self.take(host, text.decode(), self.now(), 0.0).status

    def take(self, host: str, text: str, at: float, age_s: float) -> Report:
        """A report that was heard `age_s` ago, at `at` by the clock on the wall."""
        status = self._decode(text)
        old, ports = self._reports.get(host), frozenset(status.ports)
        if old is not None and old.ports == ports:
            ports = old.ports  # one set in memory, not one a report
        report = Report(status, ports, text, self._clock() - age_s, at)
        self._reports[host] = report
        self._keep_slowest(host, status.revision)
        if old is None or _gateways(old.status) != _gateways(status):
            self.on_gateways()
        if old is None or _members(old.status) != _members(status):
            self.on_members()
        return report

    def get(self, host: str) -> Report | None:
        return self._reports.get(host)

    def items(self) -> Iterable[tuple[str, Report]]:
        return self._reports.items()

    def is_alive(self, host: str) -> bool:
        report = self._reports.get(host)
        return report is not None and self._clock() - report.seen <= self._alive_s

    def live(self, snapshot: Snapshot) -> list[str]:
        """The hosts that are alive; hosts that have been removed are forgotten here."""
        for host in [h for h in self._reports if snapshot.holder("host", h) is None]:
            del self._reports[host]
        return [host for host in self._reports if self.is_alive(host)]

    def revision(self, host: str) -> int:
        """What the host has reached; 0 if it has never been heard."""
        report = self._reports.get(host)
        return report.status.revision if report is not None else 0

    def reached(self, snapshot: Snapshot) -> int:
        """What every live host has reached; the snapshot's revision where no host is alive.

        Looked for anew only when the slowest host moves or dies: of 500 hosts that report the
        same revision one after another, about nine are the slowest for a while.
        """
        if self._slowest is None or not self._counts(self._slowest[0], snapshot):
            hosts = reversed(self.live(snapshot))  # those that report last, usually
            reached = ((host, self.revision(host)) for host in hosts)
            self._slowest = min(reached, key=lambda pair: pair[1], default=None)
        return snapshot.revision if self._slowest is None else self._slowest[1]

    def lagging(self, snapshot: Snapshot, revision: int) -> list[str]:
        """Live hosts that have not reached the revision."""
        return sorted(host for host in self.live(snapshot) if self.revision(host) < revision)

    def seen(self, host: str) -> HostReport | None:
        """What the network API shows of the host's agent."""
        report = self._reports.get(host)
        if report is None:
            return None
        return HostReport(
            host=host,
            alive=self.is_alive(host),
            last_seen=report.at,
            revision=report.status.revision,
            ports=len(report.ports),
            uplinks=report.status.uplinks,
            active=frozenset(report.status.active),
            error=report.status.refused or report.status.error,
        )

    def _keep_slowest(self, host: str, revision: int) -> None:
        if self._slowest is None:
            return
        slowest, lowest = self._slowest
        if revision < lowest:
            self._slowest = (host, revision)
        elif host == slowest and revision > lowest:
            self._slowest = None

    def _counts(self, host: str, snapshot: Snapshot) -> bool:
        return snapshot.holder("host", host) is not None and self.is_alive(host)


def _members(status: Status) -> tuple[object, ...]:
    return status.active, {vni: one.members for vni, one in status.balancing.items()}


def _gateways(status: Status) -> tuple[object, ...]:
    return status.active, status.ready, status.looked, status.uplinks
