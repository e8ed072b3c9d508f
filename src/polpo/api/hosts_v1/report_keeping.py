"""Reports kept in the store: for other replicas, and so that a restart turns no port DOWN."""

import asyncio

import msgspec
import structlog

from polpo.api.hosts_v1.reports import Reports
from polpo.runtime.clock import Clock
from polpo.store.errors import StoreError
from polpo.store.store import Store

EVERY_S = 1.0

REPEAT_S = 5.0
"""What did not change is kept again after this, so that others see that the host is alive."""

OVERLAP_S = 2.0
"""Other replicas' clocks may be this much behind."""

Kept = dict[str, tuple[str, float]]


class ReportKeeping:
    """`load` once, then `run` until cancelled."""

    def __init__(self, store: Store, reports: Reports, now: Clock) -> None:
        self._store, self._reports, self._now = store, reports, now
        self._kept: Kept = {}
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
        due = {host: report.text for host, report in self._reports.items() if self._is_due(host)}
        if due:
            await self._store.save_statuses(due, at)
            self._kept |= {host: (text, at) for host, text in due.items()}

    def _is_due(self, host: str) -> bool:
        """Heard since it was kept, and either changed or kept long ago."""
        report, (text, at) = self._reports.get(host), self._kept.get(host, ("", 0.0))
        if report is None or report.at <= at:
            return False
        return report.text != text or report.at - at >= REPEAT_S

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
            self._reports.take(host, text, at, age_s)
        except msgspec.MsgspecError as error:
            self._log.warning("kept report not understood", host=host, error=str(error))
            return
        self._kept[host] = (text, at)
