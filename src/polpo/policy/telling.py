"""What the network has been told of groups and pods, and what is to be told next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from polpo.policy.index import Index
from polpo.policy.rules import Group
from polpo.policy.wanted import Membership

MOST = 500
"""Groups and pods in one request."""


class Batch(msgspec.Struct, frozen=True):
    """The body of a POST; the network does it in this order."""

    groups: tuple[Group, ...] = ()
    pods: tuple[Membership, ...] = ()
    gone_pods: tuple[str, ...] = ()
    gone_groups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.groups or self.pods or self.gone_pods or self.gone_groups)


class Telling:
    """A pod is told of when all groups have been, and a group is taken away after that: so no pod
    is ever in a group that is not there."""

    def __init__(self, index: Index, groups: Iterable[Group], pods: Iterable[Membership]) -> None:
        self._index = index
        self._groups = {group.key: group for group in groups}
        self._pods = {pod.name: pod for pod in pods}
        index.touched_groups |= self._groups.keys()  # of some nothing may be left
        index.touched_pods |= self._pods.keys()

    @property
    def is_done(self) -> bool:
        return not (self._index.touched_groups or self._index.touched_pods)

    def next(self) -> Batch:
        """What differs, or some of it; empty if nothing does. It is to be told before the next."""
        groups = self._new_groups(MOST)
        room = MOST - len(groups)
        pods, gone_pods = self._changed_pods(room)
        room -= len(pods) + len(gone_pods)
        gone_groups = self._gone_groups(room)
        return Batch(tuple(groups), tuple(pods), tuple(gone_pods), tuple(gone_groups))

    def told(self, batch: Batch) -> None:
        """The network has it, or has said why it does not take it: it will not be asked again."""
        self._groups |= {group.key: group for group in batch.groups}
        self._pods |= {pod.name: pod for pod in batch.pods}
        for name in batch.gone_pods:
            del self._pods[name]
        for key in batch.gone_groups:
            del self._groups[key]

    def compare(self, groups: Iterable[Group]) -> list[str]:
        """With the groups that the network has: somebody has changed those that are answered."""
        found = {group.key: group for group in groups}
        keys = found.keys() | self._groups.keys()
        changed = {key for key in keys if found.get(key) != self._groups.get(key)}
        self._groups = found
        self._index.touched_groups |= changed
        return sorted(changed)

    def _new_groups(self, room: int) -> list[Group]:
        new: list[Group] = []
        for key in sorted(self._index.touched_groups):
            if len(new) >= room:
                break
            found = self._index.group(key)
            if found is not None:
                self._index.touched_groups.discard(key)  # what comes now touches it anew
                if self._groups.get(key) != found:
                    new.append(found)
        return new

    def _changed_pods(self, room: int) -> tuple[list[Membership], list[str]]:
        pods: list[Membership] = []
        gone: list[str] = []
        for name in sorted(self._index.touched_pods):
            if len(pods) + len(gone) >= room:
                break
            self._index.touched_pods.discard(name)
            found = self._index.membership(name)
            if found is None and name in self._pods:
                gone.append(name)
            elif found is not None and self._pods.get(name) != found:
                pods.append(found)
        return pods, gone

    def _gone_groups(self, room: int) -> list[str]:
        """Only those are touched that nothing is left of, when there has been room for all else.

        Backwards: the groups of policies before those of the peers that they name.
        """
        gone: list[str] = []
        left = self._index.touched_groups if not self._index.touched_pods else ()
        for key in sorted(left, reverse=True):
            if len(gone) >= room:
                break
            self._index.touched_groups.discard(key)
            if key in self._groups:
                gone.append(key)
        return gone


def read_groups(body: Any) -> list[Group]:
    """What `GET /v1/clusters/{cluster}/groups` has answered."""
    return msgspec.convert(body["groups"], list[Group])


def read_pods(body: Any) -> list[Membership]:
    """What `GET /v1/clusters/{cluster}/pods` has answered."""
    return msgspec.convert(body["pods"], list[Membership])
