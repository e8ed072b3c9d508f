"""What a port's `status` is, from what hosts have reported.

    DOWN    not bound, switched off, its host not heard of late, or not plugged in there
    BUILD   plugged in, but not yet known to all hosts that must know it
    ACTIVE  plugged in, and every live host that carries its network has reached its `wiring`

A host that is dead holds nobody up: it gets the target when it is back.

A router's interface is plugged in everywhere: every host that carries the network answers for it.
A floating IP's port only holds an address: N/A, as in Neutron.
"""

from collections.abc import Iterable
from functools import cache

from polpo.api.context import HostReport
from polpo.api.hosts_v1.reports import Reports
from polpo.model.port import Port
from polpo.model.router import FLOATING_IP, INTERFACES
from polpo.model.snapshot import Snapshot

ACTIVE, BUILD, DOWN, NONE = "ACTIVE", "BUILD", "DOWN", "N/A"


class HostWiring:
    """Implements `context.Wiring` on the reports of hosts."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def port_status(self, snapshot: Snapshot, port: Port) -> str:
        return self.port_statuses(snapshot, (port,))[port.id]

    def port_statuses(self, snapshot: Snapshot, ports: Iterable[Port]) -> dict[str, str]:
        """Each host is asked once whether it is alive, each network how far its hosts are."""
        everywhere = self._reports.reached(snapshot)
        alive = cache(self._reports.is_alive)
        reached = cache(lambda network: self._network_reached(snapshot, network))

        def status(port: Port) -> str:
            if port.device_owner == FLOATING_IP:
                return NONE
            routed = port.device_owner in INTERFACES
            here = routed or (port.host and alive(port.host) and self._is_plugged(port))
            if not here or not port.admin_state_up:
                return DOWN
            known = port.wiring <= everywhere or port.wiring <= reached(port.network_id)
            return ACTIVE if known else BUILD

        return {port.id: status(port) for port in ports}

    def reports(self) -> dict[str, HostReport]:
        seen = ((host, self._reports.seen(host)) for host, _ in self._reports.items())
        return {host: report for host, report in seen if report is not None}

    def _is_plugged(self, port: Port) -> bool:
        report = self._reports.get(port.host)
        return report is not None and port.id in report.ports

    def _network_reached(self, snapshot: Snapshot, network: str) -> int:
        """What every live host that carries the network has reached; all if none carries it."""
        carriers = snapshot.traits(Port, "carried_by", network)
        live = (host for host in carriers if self._reports.is_alive(host))
        return min(map(self._reports.revision, live), default=snapshot.revision)
