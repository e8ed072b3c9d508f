"""Reconciler of instances' namespaces and their settings: made before anything is in them.

They are removed as any plug's namespace is.
"""

from collections.abc import Mapping
from typing import Protocol

from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns
from polpo.target.changes import Changes

Settings = dict[str, str]


class Housed(Protocol):
    @property
    def netns(self) -> str: ...


class Namespaces:
    def __init__(
        self, noun: str, instances: Mapping[int, Housed], settings: Mapping[str, str]
    ) -> None:
        self.noun, self._instances, self._settings = noun, instances, dict(settings)

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
        netns.create(name)
        netns.inside(name, lambda: netns.write_sysctls(settings))
