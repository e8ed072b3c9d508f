"""The gateways that this host has to have: rows, what they come to, and the plugs that follow."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from polpo.agent.devices import Devices
from polpo.agent.gateway import limits, onward
from polpo.agent.gateway.ruleset import ruleset
from polpo.agent.gateway.vrrp import ADVERTISEMENT_S, configuration
from polpo.agent.ownership import TRANSIT, function_netns, vlan_device
from polpo.agent.pairs import transit
from polpo.agent.patience import Patience
from polpo.agent.plugs import Plug, own
from polpo.agent.target import Target
from polpo.agent.wanted import Wire, Wired
from polpo.kernel.addresses import Route
from polpo.target.rows import Gateway

NOUN = "gateway"


class Instance(msgspec.Struct, frozen=True):
    """A row with what it comes to; `patient` is keepalived's without its `preempt`."""

    row: Gateway
    netns: str
    rules: str
    limits: str
    vrrp: str
    patient: str
    routes: frozenset[Route]

    @property
    def preempt(self) -> bool:
        return self.row.preempt

    @property
    def number(self) -> int:
        return self.row.instance

    @property
    def advertisement_s(self) -> float:
        return ADVERTISEMENT_S


class Uplink(msgspec.Struct, frozen=True):
    """Where a physical network is on this host: the device of the host, its index, or why not."""

    device: str
    index: int
    trouble: str = ""


class Instances:
    """`all` is one mapping for the agent's life: router's number -> instance."""

    def __init__(
        self,
        host: str,
        uplinks: Mapping[str, str],
        isolation: Path,
        target: Target,
        devices: Devices,
        patience: Patience,
    ) -> None:
        self._host, self._uplinks, self._isolation = host, uplinks, isolation
        self._target = target
        self._devices, self._patience = devices, patience
        self.all: dict[int, Instance] = {}

    def look(self) -> None:
        """Follow the target. Of a row that makes no sense it is told; the former one counts."""
        found: dict[int, Instance] = {}
        rows = self._target.gateways()
        if rows:
            self._devices.read()
        for vni, row in rows.items():
            before = self.all.get(vni)
            try:
                found[vni] = before if before and before.row == row else self._made(row)
                self._patience.note(NOUN, vni, self.uplink(row).trouble or None)
            except (ValueError, KeyError) as e:
                self._patience.note(NOUN, vni, f"its row makes no sense: {e}")
                found |= {vni: before} if before else {}
        self._patience.keep_only(NOUN, rows.keys())
        self.all.clear()
        self.all.update(found)

    def _made(self, row: Gateway) -> Instance:
        transit.check(row.instance)
        return Instance(
            row=row,
            netns=function_netns(self._host, row.vni),
            rules=ruleset(row),
            limits=limits.written(row),
            vrrp=configuration(row, self._isolation),
            patient=configuration(msgspec.structs.replace(row, preempt=False), self._isolation),
            routes=onward.routes(row),
        )

    def plugs(self) -> Iterator[Plug]:
        """A gateway's end in its transit network is plugged in as any port is, but by us."""
        for instance in self.all.values():
            yield own(instance.row.port, instance.netns, TRANSIT)

    def uplink(self, row: Gateway) -> Uplink:
        """The device that leads to the row's physical network, without VLAN."""
        device = self._uplinks.get(row.physical_network, "")
        link = self._devices.known.get(device)
        if not device:
            trouble = f"no uplink for {row.physical_network!r}: name one in `uplinks`"
            return Uplink("", 0, trouble)
        if link is None:
            return Uplink(device, 0, f"uplink {device} of {row.physical_network!r} is not there")
        return Uplink(device, link.index)

    def uplinks(self) -> dict[str, str]:
        """Physical network -> device, of those that work: up, and with their cable in."""
        links = self._devices.known
        return {n: d for n, d in self._uplinks.items() if d in links and links[d].carrier}

    def wires(self, wires: dict[str, Wire], ports: Mapping[str, Wired]) -> dict[str, Wire]:
        """The workloads' ends, with the gateways' routes."""
        routes = {instance.row.port: instance.routes for instance in self.all.values()}
        return {
            device: msgspec.structs.replace(wire, routes=wire.routes | more)
            if (more := routes.get(ports[device].port.id))
            else wire
            for device, wire in wires.items()
        }

    def vlans(self) -> Iterator[tuple[str, int, int]]:
        """(name, index of the uplink, VLAN) of each VLAN device that some gateway needs."""
        for instance in self.all.values():
            uplink, vlan = self.uplink(instance.row), instance.row.vlan
            if vlan and uplink.index:
                yield vlan_device(uplink.index, vlan), uplink.index, vlan

    def below(self, row: Gateway) -> int:
        """Index of the device that external0 is to be on: 0 while there is none."""
        uplink = self.uplink(row)
        if not row.vlan or not uplink.index:
            return uplink.index
        link = self._devices.known.get(vlan_device(uplink.index, row.vlan))
        return link.index if link else 0
