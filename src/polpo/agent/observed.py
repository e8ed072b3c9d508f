"""What the switch itself writes, read for people and for the controller."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from polpo.agent.devices import Devices
from polpo.agent.wanted import Wired
from polpo.dataplane.tables import CARRIED, COUNTER, TABLES, U32, U64, Drop, unpack_address
from polpo.kernel.bpf import Switch
from polpo.target.balancer import Flow


class Move(NamedTuple):
    """An address of an allowed pair that speaks at this interface now."""

    vni: int
    address: bytes
    mac: bytes
    ifindex: int


_MOVED, _FDB = TABLES["moved"], TABLES["moved_fdb"]


class Observed:
    def __init__(self, switch: Switch, ports: Mapping[str, Wired], devices: Devices) -> None:
        self._switch, self._ports, self._devices = switch, ports, devices
        self._counted: Set[int] = set()

    def drops(self) -> dict[str, int]:
        """Reason -> packets since the tables were made."""
        found = self._switch.tables["drops"].sum()
        counts = {U32.unpack(k)["value"]: v[0] for k, v in found.items()}
        return {d.name.lower(): counts[d] for d in Drop if counts.get(d)}

    def traffic(self) -> dict[str, dict[str, int]]:
        """Port id -> counters of the switch, from the port's own view."""
        found = self._switch.tables["counters"].sum()
        ids = self._port_ids()
        return {
            ids[index]: dict(zip(COUNTER.fields, values, strict=True))
            for index, values in ((U32.unpack(k)["value"], v) for k, v in found.items())
            if index in ids
        }

    def served(self, listeners: Mapping[int, str]) -> dict[str, Flow]:
        """Listener's id -> what clients here have sent it and got; `listeners`: number -> id."""
        sums: defaultdict[str, Flow] = defaultdict(Flow)
        if listeners:
            for key, values in self._switch.tables["carried"].sum().items():
                id = listeners.get(U64.unpack(key)["value"])
                if id is not None:
                    sums[id] = _with(sums[id], dict(zip(CARRIED.fields, values, strict=True)))
        return dict(sums)

    def moved(self) -> tuple[tuple[int, str, str], ...]:
        """(VNI, address, port id) of allowed pairs that speak on this host now."""
        ids = self._port_ids()
        found = [(m.vni, unpack_address(m.address), m.ifindex) for m in self.moves_here()]
        return tuple(sorted((vni, a, ids[index]) for vni, a, index in found if index in ids))

    def moves_here(self) -> Iterator[Move]:
        """The addresses that have moved to this host."""
        for key, value in self._switch.tables["moved"].read().items():
            at, mac = _MOVED.key.unpack(key), _MOVED.value.unpack(value)["mac"]
            ifindex = self._interface(at["vni"], mac)
            if ifindex:
                yield Move(at["vni"], at["address"], mac, ifindex)

    def forget_gone(self) -> None:
        """What is kept of ports that are gone: their interface numbers may come again."""
        ids = self._port_ids()
        if ids.keys() == self._counted:
            return
        for table in map(self._switch.tables.__getitem__, ("counters", "buckets")):
            table.remove([k for k in table.read() if U32.unpack(k[:4])["value"] not in ids])
        self._counted = ids.keys()

    def _interface(self, vni: int, mac: bytes) -> int:
        """Where the MAC is: 0 if unknown or on another host."""
        key = _FDB.key.pack(vni, mac)
        for name in ("moved_fdb", "fdb"):
            value = self._switch.tables[name].get(key)
            if value is not None:
                where = _FDB.value.unpack(value)
                return 0 if any(where["vtep"]) else int(where["ifindex"])
        return 0

    def _port_ids(self) -> dict[int, str]:
        links = self._devices.read()
        return {links[d].index: w.port.id for d, w in self._ports.items() if d in links}


def _with(flow: Flow, counted: Mapping[str, int]) -> Flow:
    """A listener has a service for each of its load balancer's addresses."""
    return Flow(
        bytes_in=flow.bytes_in + counted["bytes_in"],
        bytes_out=flow.bytes_out + counted["bytes_out"],
        total_connections=flow.total_connections + counted["flows"],
    )
