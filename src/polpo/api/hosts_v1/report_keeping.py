"""Reports kept in the store: for other replicas, and so that a restart turns no port DOWN."""

import asyncio
from typing import TypeAlias

import msgspec
import structlog

from polpo.api.hosts_v1.reports import Report, Reports
from polpo.runtime.clock import Clock
from polpo.store.errors import StoreError
from polpo.store.store import Store

EVERY_S = 1.0

REPEAT_S = 5.0
"""What matters little (that the host is alive, its counters) is kept this often."""

OVERLAP_S = 2.0
"""Other replicas' clocks may be this much behind."""

Essence: TypeAlias = tuple[object, ...]


class ReportKeeping:
    """`load` once, then `run` until cancelled."""

    def __init__(self, store: Store, reports: Reports, now: Clock) -> None:
        self._store, self._reports, self._now = store, reports, now
        self._kept: dict[str, tuple[Essence, float]] = {}
        self._newest = 0.0
        self._log = structlog.get_logger("polpo.controller")

    async def load(self) -> None:
        """As it was when the last report was kept: who was alive then gets time to say so."""
        rows = await self._store.load_statuses()
        self._newest = max((at for _, at, _ in rows), default=0.0)
        for host, at, text in rows:
            self._take(host, text, at, self._newest - at)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._save()
                await self._follow()
            except StoreError as error:
                self._log.warning("reports not kept", error=str(error))

    async def _save(self) -> None:
        """One time for all hosts of a save: the store keeps it beside them."""
        at = self._now()
        due = {host: report for host, report in self._reports.items() if self._is_due(host, report)}
        if due:
            await self._store.save_statuses({h: r.text for h, r in due.items()}, at)
            self._kept |= {host: (self._essence(report), at) for host, report in due.items()}

    def _is_due(self, host: str, report: Report) -> bool:
        """Heard since it was kept, and either changed or kept a while ago."""
        essence, at = self._kept.get(host, ((), 0.0))
        if report.at <= at:
            return False
        return essence != self._essence(report) or report.at - at >= REPEAT_S

    def _essence(self, report: Report) -> Essence:
        """What others must learn at once. The revision only matters to other replicas: agents
        tell it to a restarted controller before anybody can ask, and it changes at each write.
        """
        status = report.status
        gateways = status.active, status.ready, status.uplinks
        revisions = (status.revision, status.looked) if self._store.is_shared else ()
        return report.ports, status.error, status.refused, gateways, revisions

    async def _follow(self) -> None:
        """Take in what hosts told other replicas."""
        if not self._store.is_shared:
            return
        for host, at, text in await self._store.load_statuses(after=self._newest - OVERLAP_S):
            self._newest = max(self._newest, at)
            known = self._reports.get(host)
            if known is None or at > known.at:
                self._take(host, text, at, max(0.0, self._now() - at))

    def _take(self, host: str, text: str, at: float, age_s: float) -> None:
        try:
            report = self._reports.take(host, text, at, age_s)
        except msgspec.MsgspecError as error:
            self._log.warning("kept report not understood", host=host, error=str(error))
            return
        self._kept[host] = (self._essence(report), at)
