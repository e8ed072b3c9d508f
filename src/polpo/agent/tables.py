"""Reconciler of the switch's tables: all of them at a verify, the touched keys at a feed's delta.

`Entries` holds what the tables must have. A key that differs from the kernel's although nothing
touched it since it was written has drifted.
"""

from collections.abc import Iterable, Mapping

from polpo.agent.devices import Devices
from polpo.agent.drift import Drift
from polpo.agent.ownership import TUNNEL
from polpo.agent.patience import Patience
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.tables import ORDER, TABLES
from polpo.kernel.bpf import Switch
from polpo.kernel.table import Table
from polpo.runtime import crash
from polpo.target.changes import compare
from polpo.target.wire import Line

MANY = 20  # keys of one table that get a line each in the log; of more only the number is told


class Tables:
    """`put` and `remove` are this reconciler's part in a pass; `hear` and `write` the increment."""

    noun = "table"

    def __init__(
        self,
        switch: Switch,
        underlay: str,
        target: Target,
        ports: Mapping[str, Wired],
        devices: Devices,
        drift: Drift,
        patience: Patience,
    ) -> None:
        self._switch, self._target = switch, target
        self._ports, self._devices = ports, devices
        self._drift, self._patience = drift, patience
        self._entries = Entries(vtep=underlay, vxlan=0)
        self._began = False
        self._remove: dict[str, tuple[bytes, ...]] = {}
        self.rows: dict[str, int] = {}

    def hear(self, batch: Iterable[Line]) -> None:
        """The target has moved by these lines."""
        lines = [line for line in batch if line.slice is not None]
        whole = {line.slice for line in lines if line.slice and (line.full or line.dropped)}
        for name in whole:
            self._renew(name)
        for line in lines:
            if line.slice and line.slice not in whole:
                self._entries.apply(line.slice, line.rows, line.gone)

    def _renew(self, name: str) -> None:
        if name in self._target.slices:
            self._entries.replace(name, self._target.slices[name].values())
        else:
            self._entries.drop(name)

    def write(self) -> None:
        """Write the touched keys, and only these."""
        touched = {name: keys for name, keys in self._entries.take_touched().items() if keys}
        full = self._entries.full
        for name in (n for n in ORDER if n in touched):
            self._put_entries(name, {k: full[name][k] for k in touched[name] if k in full[name]})
        for name in (n for n in reversed(ORDER) if n in touched):
            self._remove_keys(name, [k for k in touched[name] if k not in full[name]])
        self.rows = {name: len(full[name]) for name in ORDER}

    def put(self) -> None:
        """Compare everything with the kernel's, and write what differs."""
        tunnel = self._devices.read().get(TUNNEL)
        if tunnel is None:
            return  # the tunnel's own failure says why
        self._entries.set_vxlan(tunnel.index)
        self._entries.set_plugs(self._plugs())
        touched, full = self._entries.take_touched(), self._entries.full
        for name in ORDER:
            self._put_table(name, full[name], touched.get(name, set()))
        self._began = True
        self.rows = {name: len(full[name]) for name in ORDER}

    def remove(self) -> None:
        for name in reversed(ORDER):
            self._remove_keys(name, self._remove.get(name, ()))
        self._remove = {}

    def _plugs(self) -> dict[str, Plug]:
        links = self._devices.read()
        return {
            wired.port.id: Plug(ifindex=links[device].index, veth=wired.plug.kind == "netns")
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
        failed = _put(self._switch.tables[name], entries) if entries else None
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


def _put(table: Table, entries: Mapping[bytes, bytes]) -> str | None:
    """In bulk; if that is refused one by one, so that one row does not stop the others."""
    crash.point()
    try:
        table.put(entries)
    except OSError:
        return _put_singly(table, entries)
    return None


def _put_singly(table: Table, entries: Mapping[bytes, bytes]) -> str | None:
    """Why the first one failed and how many did; None if all is written."""
    reason, count = "", 0
    for key, value in entries.items():
        try:
            table.put({key: value})
        except OSError as e:
            reason, count = reason or e.strerror or str(e), count + 1
    return f"{reason} ({count} rows)" if count else None
