"""Reconciler of what instances may take of the host: for each a group of processes with a limit of
memory (kernel/cgroups.py). Its processes begin in it (`entrance`); one that is found outside, of
an agent before or put there by somebody, is brought back.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import structlog

from polpo.agent.balancer.instances import Instance
from polpo.agent.ownership import function_netns
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import cgroups, processes
from polpo.kernel.cgroups import Groups, pids_below
from polpo.target.changes import Changes

END_S = 5.0
STALE = 0  # has another limit, or not all of its processes are in it


class Limits:
    """Nothing is limited where the kernel can't (`groups` is None); the log says so once.

    processes  pids of an instance's, each with what it has begun
    """

    noun = "balancer limits"

    def __init__(
        self,
        host: str,
        groups: Groups | None,
        instances: Mapping[int, Instance],
        processes: Callable[[int], Iterable[int]],
    ) -> None:
        self._host, self._groups = host, groups
        self._instances, self._processes = instances, processes
        if groups is None:
            log = structlog.get_logger("polpo.agent")
            log.warning("load balancers' memory is not limited: the kernel has no such cgroups")

    def entrance(self, vni: int) -> Path | None:
        """For a process that begins."""
        return self._groups.entrance(self._name(vni)) if self._groups else None

    def members(self, vni: int) -> Iterable[int]:
        if self._groups is None:
            return processes.everybody()
        return self._groups.members(self._name(vni))

    def wanted(self) -> dict[int, int]:
        if self._groups is None:
            return {}
        return {v: cgroups.whole(x.settings.memory_bytes) for v, x in self._instances.items()}

    def read_actual(self) -> dict[int, int]:
        return dict(self._read(self._groups)) if self._groups else {}

    def _read(self, groups: Groups) -> Iterator[tuple[int, int]]:
        for vni in ours(groups, self._host):
            limit, members = groups.limit_bytes(self._name(vni)), groups.members(self._name(vni))
            yield vni, limit if limit and members >= set(self._processes(vni)) else STALE

    def apply(self, changes: Changes[int, int]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, vni: int, limit_bytes: int) -> None:
        assert self._groups
        self._groups.put(self._name(vni), limit_bytes)
        for process in self._processes(vni):
            for pid in pids_below(process):
                self._groups.admit(self._name(vni), pid)

    def _remove(self, vni: int) -> None:
        """When those that we know of have ended, nobody is to outlive them."""
        assert self._groups
        if self._groups.members(self._name(vni)):
            if not any(self._processes(vni)):
                self._groups.kill(self._name(vni))
            raise BlockingIOError(11, "its processes have to end first")
        self._groups.remove(self._name(vni))

    def _name(self, vni: int) -> str:
        return function_netns(self._host, vni)


def ours(groups: Groups, host: str) -> list[int]:
    """Numbers of the instances that have a group here."""
    names = re.compile(re.escape(function_netns(host, 0))[:-1] + "([0-9]+)")
    return sorted(int(m[1]) for name in groups.names() if (m := names.fullmatch(name)))


def remove_all(host: str) -> None:
    """With what is left in them."""
    groups = cgroups.find()
    if groups is None:
        return
    for vni in ours(groups, host):
        groups.end(function_netns(host, vni), END_S)
