"""What the `status` of a port and of a router is, from what hosts have reported.

    DOWN    not bound, switched off, its host not heard of late, or not plugged in there
    BUILD   there, but not yet known to all hosts that must know it
    ACTIVE  there, and every live host that must know it has reached its `wiring`

A host must know a port if it carries the port's network; and all networks that routers join with
one it has a port in are carried. A host that is dead holds nobody up: it gets the target when it
is back.

A router's interface is plugged in everywhere, as long as the router is switched on: every host
that carries the network answers for it. A gateway's port is where the router's gateway is active.
A floating IP's port only holds an address: N/A, as in Neutron.

A router is ACTIVE when every live host that carries it has reached the revision that wrote it last,
else BUILD; also when that switched it off, as Neutron says (docs/decisions/0052).
"""

from collections.abc import Callable, Collection, Iterable
from functools import cache, cached_property

from polpo.api.balancing import Balanced
from polpo.api.carried import Carried
from polpo.api.context import Carrying, HostReport
from polpo.api.hosts_v1.reports import Reports
from polpo.compiler.view import View
from polpo.model.load_balancer import LoadBalancer
from polpo.model.port import Port
from polpo.model.router import FLOATING_IP, GATEWAY, INTERFACES, FloatingIP, Router
from polpo.model.snapshot import Snapshot

ACTIVE, BUILD, DOWN, NONE = "ACTIVE", "BUILD", "DOWN", "N/A"


class HostWiring:
    """Implements `context.Wiring` on the reports of hosts."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def port_status(self, snapshot: Snapshot, port: Port) -> str:
        return self.port_statuses(snapshot, (port,))[port.id]

    def port_statuses(self, snapshot: Snapshot, ports: Iterable[Port]) -> dict[str, str]:
        look = _Look(self._reports, snapshot)
        return {port.id: look.port(port) for port in ports}

    def router_statuses(self, snapshot: Snapshot, routers: Iterable[Router]) -> dict[str, str]:
        look = _Look(self._reports, snapshot)
        return {router.id: look.router(router) for router in routers}

    def floatingip_statuses(self, snapshot: Snapshot, fips: Iterable[FloatingIP]) -> dict[str, str]:
        look = Carried(self._reports, snapshot)
        return {fip.id: look.floating(fip) for fip in fips}

    def balancers(
        self, snapshot: Snapshot, balancers: Iterable[LoadBalancer]
    ) -> dict[str, Carrying]:
        look = Balanced(self._reports, snapshot)
        return {balancer.id: look.carrying(balancer) for balancer in balancers}

    def reports(self) -> dict[str, HostReport]:
        seen = ((host, self._reports.seen(host)) for host, _ in self._reports.items())
        return {host: report for host, report in seen if report is not None}


class _Look:
    """One look at all: each host is asked once if it is alive, each network how far its hosts are.

    It costs nothing to make, and no more than what is asked of it.
    """

    def __init__(self, reports: Reports, snapshot: Snapshot) -> None:
        self._reports, self._snapshot, self._view = reports, snapshot, View(snapshot)
        self._everywhere = reports.reached(snapshot)
        self._is_alive = cache(reports.is_alive)
        self._network_reached = cache(lambda id: self._reached(self._view.carriers(id)))

    def port(self, port: Port) -> str:
        if port.device_owner == FLOATING_IP:
            return NONE
        if not port.admin_state_up or not self._is_here(port):
            return DOWN
        if port.device_owner == GATEWAY:
            return self._known(port.wiring, lambda: self._router_reached(port.device_id))
        return self._known(port.wiring, lambda: self._network_reached(port.network_id))

    def router(self, router: Router) -> str:
        return self._known(router.revision, lambda: self._router_reached(router.id))

    def _known(self, revision: int, reached: Callable[[], int]) -> str:
        return ACTIVE if revision <= self._everywhere or revision <= reached() else BUILD

    def _is_here(self, port: Port) -> bool:
        if port.device_owner in INTERFACES:
            return self._view.router(port.device_id) is not None
        if port.device_owner == GATEWAY:
            router = self._view.router(port.device_id)
            return router is not None and router.vni in self._active
        report = self._reports.get(port.host) if port.host else None
        return report is not None and self._is_alive(port.host) and port.id in report.ports

    @cached_property
    def _active(self) -> set[int]:
        """The numbers of the routers whose gateway is active on a live host."""
        reports = self._reports.items()
        return {vni for h, report in reports if self._is_alive(h) for vni in report.status.active}

    def _router_reached(self, id: str) -> int:
        """A router that is switched off was carried with the networks that it joined."""
        router = self._view.router(id)
        if router is not None:
            return self._reached(self._view.hosts(self._view.domain_of(router)))
        networks = self._snapshot.traits(Port, "joined", id)
        return min(map(self._network_reached, networks), default=self._snapshot.revision)

    def _reached(self, hosts: Collection[str]) -> int:
        """What every one of them that is alive has reached; all if there is none."""
        live = (host for host in hosts if self._is_alive(host))
        return min(map(self._reports.revision, live), default=self._snapshot.revision)
