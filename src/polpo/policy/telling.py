"""What the network has been told of groups and pods, and what is to be told next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from polpo.model.told import Addresses, Group, Membership
from polpo.policy.index import Index
from polpo.policy.telling_addresses import TellingAddresses

MOST = 500
"""Groups and pods in one request."""


class Batch(msgspec.Struct, frozen=True):
    """The body of a POST; the network does it in this order."""

    addresses: tuple[Addresses, ...] = ()
    groups: tuple[Group, ...] = ()
    pods: tuple[Membership, ...] = ()
    gone_pods: tuple[str, ...] = ()
    gone_groups: tuple[str, ...] = ()
    gone_addresses: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field) for field in self.__struct_fields__)


class Telling:
    """A pod is told of when all groups have been, and a group is taken away after that: so no pod
    is ever in a group that is not there. The same of rules and the address groups they name."""

    def __init__(
        self,
        index: Index,
        groups: Iterable[Group],
        pods: Iterable[Membership],
        addresses: Iterable[Addresses] = (),
    ) -> None:
        self._index, self._addresses = index, TellingAddresses(index.places, addresses)
        self._groups = {group.key: group for group in groups}
        self._pods = {pod.name: pod for pod in pods}
        index.touched_groups |= self._groups.keys()  # of some nothing may be left
        index.touched_pods |= self._pods.keys()

    @property
    def is_done(self) -> bool:
        is_left = self._index.touched_groups or self._index.touched_pods
        return not is_left and self._addresses.is_done

    def next(self) -> Batch:
        """What differs, or some of it; empty if nothing does. It is to be told before the next."""
        addresses = self._addresses.new(MOST)
        groups = self._new_groups(MOST - len(addresses))
        room = MOST - len(addresses) - len(groups)
        pods, gone_pods = self._changed_pods(room)
        room -= len(pods) + len(gone_pods)
        gone_groups = self._gone_groups(room)
        room -= len(gone_groups)
        return Batch(
            addresses=tuple(addresses),
            groups=tuple(groups),
            pods=tuple(pods),
            gone_pods=tuple(gone_pods),
            gone_groups=tuple(gone_groups),
            gone_addresses=() if self._index.touched_groups else self._addresses.gone(room),
        )

    def told(self, batch: Batch) -> None:
        """The network has it, or has said why it does not take it: it will not be asked again."""
        self._addresses.told(batch.addresses, batch.gone_addresses)
        self._groups |= {group.key: group for group in batch.groups}
        self._pods |= {pod.name: pod for pod in batch.pods}
        for name in batch.gone_pods:
            del self._pods[name]
        for key in batch.gone_groups:
            del self._groups[key]

    def compare(self, groups: Iterable[Group], addresses: Iterable[Addresses] = ()) -> list[str]:
        """With the groups that the network has: somebody has changed those that are answered."""
        found = {group.key: group for group in groups}
        keys = found.keys() | self._groups.keys()
        changed = {key for key in keys if found.get(key) != self._groups.get(key)}
        self._groups = found
        self._index.touched_groups |= changed
        return sorted(changed | self._addresses.compare(addresses))

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


def read_addresses(body: Any) -> list[Addresses]:
    """The other part of that answer."""
    return msgspec.convert(body["addresses"], list[Addresses])


def read_pods(body: Any) -> list[Membership]:
    """What `GET /v1/clusters/{cluster}/pods` has answered."""
    return msgspec.convert(body["pods"], list[Membership])
