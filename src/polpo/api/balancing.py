"""What hosts have reported of load balancers, put together: `context.Carrying`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import add

from polpo.api.context import Carrying, Instance
from polpo.api.hosts_v1.reports import Report, Reports
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.load_balancer import Listener, LoadBalancer
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.target.balancer import Balancing, Flow

MASTER, BACKUP = "MASTER", "BACKUP"
NOWHERE = "No host that its instances could be on is alive."


class Balanced:
    """One look; each load balancer costs what it has of instances."""

    def __init__(self, reports: Reports, snapshot: Snapshot) -> None:
        self._reports, self._snapshot, self._view = reports, snapshot, View(snapshot)

    def carrying(self, balancer: LoadBalancer) -> Carrying:
        placements = list(self._snapshot.by(Placement, "function", balancer.id))
        said = {p.id: self._said(p) for p in placements}
        live = {id: report for id, report in said.items() if report is not None}
        active = {id for id, r in live.items() if balancer.vni in r.status.active}
        found = {id: r.status.balancing.get(balancer.vni, Balancing()) for id, r in live.items()}
        return Carrying(
            reached=self._reached(balancer, live) if active else -1,
            error=self._error(found, live),
            members=next((found[id].members for id in sorted(active)), {}),
            flows=_summed([*(one.flows for one in found.values()), *self._served(balancer)]),
            instances={p.id: self._instance(p, p.id in active, p.id in live) for p in placements},
        )

    def _reached(self, balancer: LoadBalancer, live: Mapping[str, Report]) -> int:
        """What all that live have, and the switches that carry some of it. A host may have come far
        before an instance is bound there, which is after the load balancer is written: it has
        nothing of it before it has that, too.
        """
        said = [(r.status.revision, self._bound(id)) for id, r in live.items()]
        begun = [had >= bound or bound <= balancer.wiring for had, bound in said]
        if not any(begun):
            return -1
        have = [had if has else 0 for (had, _), has in zip(said, begun, strict=True)]
        return min([*have, *self._switches(balancer)])

    def _bound(self, instance: str) -> int:
        """The revision that had its ports on the host where it is."""
        ports = self._snapshot.by(Port, "device", instance)
        return max((port.wiring for port in ports), default=0)

    def _switches(self, balancer: LoadBalancer) -> Iterator[int]:
        """What each live host has whose switch may carry it: a client may be on any of them."""
        if self._switched(balancer):
            carriers = self._view.carriers(balancer.vip_network_id)
            yield from map(self._reports.revision, filter(self._reports.is_alive, carriers))

    def _switched(self, balancer: LoadBalancer) -> set[str]:
        """Its listeners that switches carry."""
        listeners = self._snapshot.by(Listener, "load_balancer", balancer.id)
        return {one.id for one in listeners if one.is_switched(balancer.provider)}

    def _served(self, balancer: LoadBalancer) -> Iterator[Mapping[str, Flow]]:
        """What the switches of all hosts have carried of it."""
        ids = self._switched(balancer)
        if ids:
            statuses = (report.status for _, report in self._reports.items())
            yield from ({id: s.served[id] for id in ids & s.served.keys()} for s in statuses)

    def _said(self, placement: Placement) -> Report | None:
        """Of a host that is alive."""
        alive = self._reports.is_alive(placement.host)
        return self._reports.get(placement.host) if alive else None

    def _error(self, found: Mapping[str, Balancing], live: Mapping[str, Report]) -> str | None:
        if not live and not self._reports.live(self._snapshot):
            return NOWHERE
        return next((one.error for one in found.values() if one.error), None)

    def _instance(self, placement: Placement, is_active: bool, is_live: bool) -> Instance:
        host = self._snapshot.get(Host, self._snapshot.holder("host", placement.host) or "")
        role = MASTER if is_active else BACKUP if is_live else ""
        return Instance(placement.host, host.address if host is not None else "", role)


def _summed(flows: Iterable[Mapping[str, Flow]]) -> dict[str, Flow]:
    sums: defaultdict[str, Flow] = defaultdict(Flow)
    for one in flows:
        for listener, flow in one.items():
            sums[listener] = _sum(sums[listener], flow)
    return dict(sums)


def _sum(one: Flow, other: Flow) -> Flow:
    names = one.__struct_fields__
    values = ((getattr(one, name), getattr(other, name)) for name in names)
    return Flow(*(add(*pair) for pair in values))
