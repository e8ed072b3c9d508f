"""The target as the agent holds it: slices at a revision, moved only by whole batches."""

from polpo.agent.kept import Kept
from polpo.target import wire
from polpo.target.balancer import Balancer
from polpo.target.probe_row import Probe
from polpo.target.rows import (
    Endpoint,
    Gateway,
    Host,
    Interface,
    Network,
    Port,
    Routing,
    Slices,
    Subnet,
)
from polpo.target.wire import Line


class Target:
    """Lines are held back until their `revision` line has come (see target/wire.py)."""

    def __init__(self, host: str) -> None:
        self.host_slice = f"host/{host}"
        self.slices: Slices = {}
        self.revision = 0
        self.known = False  # before a first target is in, nothing is written to the kernel
        self._waiting: list[Line] = []
        self._peers: frozenset[str] | None = None  # worked out anew when something is different
        self.subnets, self.interfaces, self.probes = Kept(Subnet), Kept(Interface), Kept(Probe)

    def hear(self, line: Line) -> list[Line] | None:
        """The batch that this line completes and that is now applied; None within a batch.

        A heartbeat completes an empty batch.
        """
        if line.revision is None:
            self._waiting.append(line)
            return None
        batch, self._waiting = self._waiting, []
        for said in batch:
            self._apply(said)
        self.revision, self.known = line.revision, True
        return batch + self._drop_unneeded(batch)

    def _apply(self, line: Line) -> None:
        wire.apply_line(self.slices, line)
        self._peers = None
        self.subnets.hear(line)
        self.interfaces.hear(line)
        self.probes.hear(line)

    def forget_half_said(self) -> None:
        """The stream was cut: what had no revision yet will be said again."""
        self._waiting = []

    def _drop_unneeded(self, batch: list[Line]) -> list[Line]:
        """A feed that begins anew can't say which slices are gone: the host's own does."""
        if not any(line.full and line.slice == self.host_slice for line in batch):
            return []
        own = self.slices[self.host_slice]
        needed = {row.needs for row in own.values() if isinstance(row, Network | Routing)}
        kinds = ("network/", "router/")
        stale = [s for s in self.slices if s.startswith(kinds) and s not in needed]
        dropped = [Line(slice=name, dropped=True) for name in stale]
        for line in dropped:
            self._apply(line)
        return dropped

    def concerns_ports(self, batch: list[Line]) -> bool:
        """Whether more than tables is to be made anew: ports of this host, and what they hear."""
        return any(line.slice == self.host_slice or _is_heard(line) for line in batch)

    def ports(self) -> dict[str, Port]:
        """The host's own ports by id."""
        rows = self.slices.get(self.host_slice, {}).values()
        return {row.id: row for row in rows if isinstance(row, Port)}

    def gateways(self) -> dict[int, Gateway]:
        """The host's instances of gateways by router's number."""
        rows = self.slices.get(self.host_slice, {}).values()
        return {row.vni: row for row in rows if isinstance(row, Gateway)}

    def balancers(self) -> dict[int, Balancer]:
        """The host's instances of load balancers by number."""
        rows = self.slices.get(self.host_slice, {}).values()
        return {row.vni: row for row in rows if isinstance(row, Balancer)}

    def hosts(self) -> list[str]:
        """Where the tunnels of the cloud's hosts end."""
        rows = self.slices.get("hosts", {}).values()
        return [row.address for row in rows if isinstance(row, Host)]

    def peers(self) -> frozenset[str]:
        """Where the tunnels end of the hosts that have the other instances of what we have."""
        if self._peers is None:
            self._peers = self._found_peers()
        return self._peers

    def _found_peers(self) -> frozenset[str]:
        ours = {vni: row.port for vni, row in self.gateways().items()}
        ours |= {vni: row.port for vni, row in self.balancers().items()}
        return frozenset(filter(None, (self.peer(vni, port) for vni, port in ours.items())))

    def peer(self, vni: int, port: str) -> str | None:
        """That of the instance beside ours, whose port in their network is `port`."""
        rows = self.slices.get(f"network/{vni}", {}).values()
        others = (row for row in rows if isinstance(row, Endpoint) and row.port != port)
        return next((row.host_address for row in others), None)

    def subnet(self, vni: int, id: str) -> Subnet | None:
        """A subnet of a network that this host carries."""
        return self.subnets.get(f"network/{vni}", f"subnet/{id}")


def _is_heard(line: Line) -> bool:
    """Subnets and routers' interfaces: ports are configured by them."""
    gone = any(key.startswith(("subnet/", "interface/")) for key in line.gone)
    return gone or any(isinstance(row, Subnet | Interface) for row in line.rows)
