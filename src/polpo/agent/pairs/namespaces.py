"""Reconciler of instances' namespaces and their settings: made before anything is in them.

They are removed as any plug's namespace is. Where only the name is gone, because processes of ours
still run in it, the name is put back, and they have noticed nothing.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Protocol

from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns
from polpo.kernel.processes import Process
from polpo.runtime.clock import Clock, monotonic
from polpo.target.changes import Changes

SOME = 16  # so many in a pass,
OLD_S = 4.5  # and none that was read less long ago
Settings = dict[str, str]


class Housed(Protocol):
    @property
    def netns(self) -> str: ...


class Namespaces:
    """`inhabitant`: a living process of ours in an instance's namespace, to be closed."""

    def __init__(
        self,
        noun: str,
        instances: Mapping[int, Housed],
        settings: Mapping[str, str],
        inhabitant: Callable[[int], Process | None],
        clock: Clock = monotonic,
    ) -> None:
        self.noun, self._instances, self._settings = noun, instances, dict(settings)
        self._inhabitant, self._clock = inhabitant, clock
        self._read_at: dict[int, tuple[int, float]] = {}  # namespace's identity, and when

    def wanted(self) -> dict[int, Settings]:
        return dict.fromkeys(self._instances, self._settings)

    def read_actual(self) -> dict[int, Settings]:
        """No kernel says when a setting changes, and reading costs a millisecond: of those that
        were as they should be, only some are read anew, in turn.
        """
        found: dict[int, Settings] = {}
        read = 0
        for vni in sorted(self._instances, key=lambda vni: self._read_at.get(vni, (0, 0.0))[1]):
            identity = netns.identity(self._instances[vni].netns)
            if identity is None:
                continue
            if self._is_fresh(vni, identity, read):
                found[vni] = self._settings
                continue
            found[vni] = self._read(vni, identity)
            read += 1
        self._read_at = {v: at for v, at in self._read_at.items() if v in self._instances}
        return found

    def _is_fresh(self, vni: int, identity: int, read: int) -> bool:
        before, at = self._read_at.get(vni, (0, 0.0))
        return before == identity and (read >= SOME or self._clock() - at < OLD_S)

    def _read(self, vni: int, identity: int) -> Settings:
        name = self._instances[vni].netns
        found = netns.inside(name, lambda: netns.read_sysctls(self._settings))
        if found == self._settings:
            self._read_at[vni] = identity, self._clock()
        else:
            self._read_at.pop(vni, None)
        return found

    def apply(self, changes: Changes[int, Settings]) -> Failures[int]:
        return one_by_one(changes, self._put, lambda vni: None)  # see World.tidy

    def _put(self, vni: int, settings: Settings) -> None:
        name = self._instances[vni].netns
        if netns.identity(name) is None:
            self._name_again(vni, name)
        netns.create(name)
        netns.inside(name, lambda: netns.write_sysctls(settings))

    def _name_again(self, vni: int, name: str) -> None:
        process = self._inhabitant(vni)
        if process is not None:
            with contextlib.closing(process), contextlib.suppress(OSError):
                netns.attach(name, process.pid)
