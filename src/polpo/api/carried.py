"""What a floating IP's `status` is, from what the hosts of its router's gateway have reported.

DOWN    it stands for nobody, or no gateway carries it (yet)
ACTIVE  a live host where the gateway is active has reached the revision that wrote it last, and the
        one that brought the gateway there: before it had nothing of it, however far it had come
ERROR   no gateway is active, and all live hosts that have one say what keeps them from it
"""

from functools import cache

from polpo.api.hosts_v1.reports import Report, Reports
from polpo.model.placement import Placement
from polpo.model.router import FloatingIP, Router
from polpo.model.snapshot import Snapshot

ACTIVE, DOWN, ERROR = "ACTIVE", "DOWN", "ERROR"


class Carried:
    """One look at all: each router is asked once where its gateway is."""

    def __init__(self, reports: Reports, snapshot: Snapshot) -> None:
        self._reports, self._snapshot = reports, snapshot
        self._gateway = cache(self._look)

    def floating(self, fip: FloatingIP) -> str:
        if not fip.router_id or not (fip.port_id or fip.forwardings):
            return DOWN
        reached, failed = self._gateway(fip.router_id)
        if reached >= fip.revision:
            return ACTIVE
        return ERROR if failed else DOWN

    def _look(self, router_id: str) -> tuple[int, bool]:
        """The revision that the active one has reached, -1 without one; whether all have failed."""
        router = self._snapshot.get(Router, router_id)
        if router is None or not router.admin_state_up:
            return -1, False
        there = self._live(router)
        active = [(p, r) for p, r in there if router.vni in r.status.active]
        failed = bool(there) and all(_has_failed(r, router.vni) for _, r in there)
        said = ((_reached(report, router.vni), p.since) for p, report in active)
        return max((had for had, since in said if had >= since), default=-1), failed

    def _live(self, router: Router) -> list[tuple[Placement, Report]]:
        """The reports of the living hosts that it is placed on."""
        placed = self._snapshot.by(Placement, "function", router.id)
        reports = ((p, self._reports.get(p.host)) for p in placed)
        return [(p, r) for p, r in reports if r is not None and self._reports.is_alive(p.host)]


def _reached(report: Report, vni: int) -> int:
    """Where the gateway is whole another trouble of the host does not matter."""
    status = report.status
    return max(status.revision, status.looked) if vni in status.ready else status.revision


def _has_failed(report: Report, vni: int) -> bool:
    status = report.status
    return vni not in status.active and vni not in status.ready and status.error is not None
