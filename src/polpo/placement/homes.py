"""Hosts as homes of gateways, and what their agents have said of those that are there."""

from collections.abc import Mapping

import msgspec

from polpo.model.placement import Placement


class Home(msgspec.Struct, frozen=True):
    """A host.

    offers  physical networks that one may be placed here for: the host is alive and has them
    keeps   those that the ones that are here are left here for: it had them a short while ago
    heard   whether another host hears it, be its agent there or not
    """

    name: str
    zone: str
    admin_state_up: bool
    offers: frozenset[str]
    keeps: frozenset[str]
    heard: bool = False


class Report(msgspec.Struct, frozen=True):
    """Of a host that is alive; routers by number.

    looked  the revision of the target that the agent has looked at its gateways with
    """

    looked: int
    active: frozenset[int] = frozenset()
    ready: frozenset[int] = frozenset()


class Said(msgspec.Struct, frozen=True):
    """The reports by host. What was said before a placement was written is not about it."""

    reports: Mapping[str, Report]

    def of(self, placement: Placement) -> Report | None:
        report = self.reports.get(placement.host)
        return report if report is not None and report.looked >= placement.revision else None

    def is_active(self, placement: Placement, vni: int) -> bool:
        report = self.of(placement)
        return report is not None and vni in report.active

    def is_ready(self, placement: Placement, vni: int) -> bool:
        report = self.of(placement)
        return report is not None and vni in report.ready

    def is_idle(self, placement: Placement, vni: int) -> bool:
        """Known to carry nothing, nor to be able to."""
        report = self.of(placement)
        return report is not None and vni not in report.active | report.ready
