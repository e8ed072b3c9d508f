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
from polpo.target.changes import Changes

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
    ) -> None:
        self.noun, self._instances, self._settings = noun, instances, dict(settings)
        self._inhabitant = inhabitant

    def wanted(self) -> dict[int, Settings]:
        return dict.fromkeys(self._instances, self._settings)

    def read_actual(self) -> dict[int, Settings]:
        names = {vni: instance.netns for vni, instance in self._instances.items()}
        return {
            vni: netns.inside(name, lambda: netns.read_sysctls(self._settings))
            for vni, name in names.items()
            if netns.identity(name) is not None
        }

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
