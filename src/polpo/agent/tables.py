"""Reconciler of the switch's tables: the touched keys at once, all of them every few seconds.

`Entries` holds what the tables must have. A key that differs from the kernel's although nothing
touched it since it was written has drifted.
"""

import contextlib
import struct
from collections.abc import Iterable, Mapping

import structlog

from polpo.agent.bulk import write_rows
from polpo.agent.devices import Devices, is_elsewhere
from polpo.agent.drift import Drift
from polpo.agent.ownership import METADATA, TUNNEL
from polpo.agent.patience import Patience
from polpo.agent.plugs import Limits
from polpo.agent.plugs import Plug as Place
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.tables import FLOOD_KEY, ORDER, REMOTE, TABLES
from polpo.kernel.bpf import Switch
from polpo.runtime import crash
from polpo.runtime.clock import Clock, processor
from polpo.target.changes import compare
from polpo.target.rows import AnyRow
from polpo.target.wire import Line

VERIFY_S = 5.0  # all rows are read back so often,
BUSY = 0.003  # or less often, if that would take more than this share of a core
MALFORMED = (ValueError, OSError, struct.error)  # what packing a bad row raises
MANY = 20  # keys of one table that get a line each in the log; of more only the number is told


class Tables:
    """`put` and `remove` are this reconciler's part in a pass; `hear` and `write` the increment."""

    noun = "table"

    def __init__(
        self,
        switch: Switch,
        underlay: str,
        vxlan_port: int,
        target: Target,
        ports: Mapping[str, Wired],
        devices: Devices,
        drift: Drift,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._switch, self._target = switch, target
        self._ports, self._devices = ports, devices
        self._drift, self._patience = drift, patience
        self._entries = Entries(vtep=underlay, vxlan=0, tunnel=vxlan_port)
        self._began = False
        self._clock, self._verify_at = clock, 0.0
        self._log = structlog.get_logger("polpo.agent")
        self._remove: dict[str, tuple[bytes, ...]] = {}
        self.rows: dict[str, int] = {}
        self._new_listeners = False

    @property
    def listeners(self) -> Mapping[int, str]:
        """What the switch carries of load balancers: number -> the listener's id."""
        return self._entries.listeners

    @property
    def welcomes_guests(self) -> bool:
        """Whether there are services for who comes from outside."""
        return self._entries.welcomes_guests

    def checked(self) -> Mapping[int, str]:
        """Ports at which the host says how many backends it has: names of Services."""
        return self._entries.checked()

    def ready_here(self, health_port: int) -> int:
        return self._entries.ready_here(health_port)

    @property
    def full(self) -> Mapping[str, Mapping[bytes, bytes]]:
        """What every table must hold."""
        return self._entries.full

    def take_listeners(self) -> bool:
        """Whether a host has come, since last asked, that some network's broadcasts go to."""
        taken, self._new_listeners = self._new_listeners, False
        return taken

    def hear(self, batch: Iterable[Line]) -> bool:
        """The target has moved by these lines. Whether more than tables has to follow."""
        before = self.welcomes_guests
        lines = [line for line in batch if line.slice is not None]
        whole = {line.slice for line in lines if line.slice and (line.full or line.dropped)}
        for name in whole:
            self._renew(name)
        for line in lines:
            if line.slice and line.slice not in whole:
                self._apply(line.slice, line.rows, line.gone)
        return self.welcomes_guests != before

    def _renew(self, name: str) -> None:
        rows = self._target.slices.get(name)
        if rows is None:
            self._entries.drop(name)
            return
        try:
            self._entries.replace(name, rows.values())
        except MALFORMED:
            self._entries.drop(name)
            self._apply(name, tuple(rows.values()), ())

    def _apply(self, name: str, rows: tuple[AnyRow, ...], gone: tuple[str, ...]) -> None:
        """A row that makes no sense is a controller's fault: told, and passed over."""
        try:
            self._entries.apply(name, rows, gone)
        except MALFORMED as e:
            self._log.error("the feed has a row that makes no sense", slice=name, reason=str(e))
            for row in rows:
                with contextlib.suppress(*MALFORMED):
                    self._entries.apply(name, (row,))

    def write(self) -> None:
        """Write the touched keys, and only these."""
        self._put_touched()
        self.remove()

    def put(self) -> None:
        """The touched keys; when it is time, compare everything with the kernel's instead."""
        tunnel = self._devices.read().get(TUNNEL)
        if tunnel is None:
            return  # the tunnel's own failure says why
        service = self._devices.known.get(METADATA)
        self._entries.set_vxlan(tunnel.index)
        self._entries.set_metadata(service.index if service else 0)
        self._entries.set_plugs(self._plugs())
        if self._clock() >= self._verify_at or self._patience.any_of(self.noun):
            self._verify()
        else:
            self._put_touched()

    def attend(self, device: str) -> bool:
        """The rows of one port that is wired now. Whether all is as it should be."""
        port, plug = self._ports[device]
        self._entries.set_plug(port.id, _plugged(self._devices.index(device), plug))
        self.write()
        return not self._patience.any_of(self.noun)

    def dismiss(self, port: str) -> bool:
        """The same for one that is to go."""
        self._entries.set_plug(port, None)
        self.write()
        return not self._patience.any_of(self.noun)

    def remove(self) -> None:
        for name in reversed(ORDER):
            self._remove_keys(name, self._remove.get(name, ()))
        self._remove = {}

    def _put_touched(self) -> None:
        touched, full = self._entries.take_touched(), self._entries.full
        for name in (n for n in ORDER if touched.get(n)):
            self._put_entries(name, {k: full[name][k] for k in touched[name] if k in full[name]})
            self._remove[name] = tuple(k for k in touched[name] if k not in full[name])
        self._note_listeners(touched.get("flood", set()))
        self.rows = {name: len(full[name]) for name in ORDER}

    def _verify(self) -> None:
        began, touched, full = processor(), self._entries.take_touched(), self._entries.full
        for name in (n for n in ORDER if self._patience.due(self.noun, n)):
            self._put_table(name, full[name], touched.get(name, set()))
        self._note_listeners(touched.get("flood", set()))
        self._began = True
        self.rows = {name: len(full[name]) for name in ORDER}
        self._verify_at = self._clock() + max(VERIFY_S, (processor() - began) / BUSY)

    def _note_listeners(self, touched: set[bytes]) -> None:
        flood = self._entries.full["flood"]
        remote = (k for k in touched if FLOOD_KEY.unpack(k)["index"] >= REMOTE)
        self._new_listeners |= any(key in flood for key in remote)

    def _plugs(self) -> dict[str, Plug]:
        links = self._devices.read()
        return {
            wired.port.id: _plugged(links[device].index, wired.plug)
            for device, wired in self._ports.items()
            if device in links
        }

    def _put_table(self, name: str, full: Mapping[bytes, bytes], touched: set[bytes]) -> None:
        try:
            actual = self._switch.tables[name].read()
        except OSError as e:
            self._patience.note(self.noun, name, e.strerror or str(e))
            return
        changes = compare(full, actual)
        if changes and self._began and not self._patience.failed(self.noun, name):
            self._note_drift(name, (changes.put.keys() | set(changes.remove)) - touched, actual)
        self._remove[name] = changes.remove
        self._put_entries(name, changes.put)

    def _note_drift(self, name: str, keys: set[bytes], actual: Mapping[bytes, bytes]) -> None:
        if len(keys) > MANY:
            self._drift.note(self.noun, f"{name}, {len(keys)} rows", "altered", len(keys))
            return
        for key in sorted(keys):
            fields = TABLES[name].key.unpack(key)
            what = "altered" if key in actual else "missing"
            self._drift.note(self.noun, f"{name} {fields}", what)

    def _put_entries(self, name: str, entries: Mapping[bytes, bytes]) -> None:
        failed = write_rows(self._switch.tables[name], entries) if entries else None
        self._patience.note(self.noun, name, failed)

    def _remove_keys(self, name: str, keys: Iterable[bytes]) -> None:
        found = tuple(keys)
        if not found or TABLES[name].kind == "array":  # an array's keys are always there
            return
        crash.point()
        try:
            self._switch.tables[name].remove(found)
        except OSError as e:
            self._patience.note(self.noun, name, e.strerror or str(e))


def _plugged(ifindex: int, plug: Place) -> Plug:
    limits = plug.pod.limits if plug.pod is not None else Limits()
    return Plug(ifindex, is_elsewhere(plug), limits.ingress, limits.egress)
