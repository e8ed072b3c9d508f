"""Reconciler of what conntrack may go on with: connections that the rules in place do not allow.

What has been looked at with which row is remembered. Where that says nothing (the agent has just
started, an instance has become active or has its peer's connections, somebody has changed the
rules) all are looked at, else those that a changed row is about.
"""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.revoked import Revoked, revoked
from polpo.agent.gateway.wrong import Allowed
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import conntrack, netns
from polpo.target.changes import Changes
from polpo.target.rows import Gateway


class Looked(msgspec.Struct, frozen=True):
    """`namespace`: its inode; `doubts`: how often anything may have got in."""

    row: Gateway
    namespace: int | None
    doubts: int


class Revocations:
    """`placed` are the rows whose rules are in the kernel."""

    noun = "revocation"

    def __init__(
        self,
        instances: Mapping[int, Instance],
        placed: Callable[[], Mapping[int, Gateway]],
        doubts: Callable[[int], int],
    ) -> None:
        self._instances, self._placed, self._doubts = instances, placed, doubts
        self._looked: dict[int, Looked] = {}

    def wanted(self) -> dict[int, Looked]:
        return {
            vni: Looked(row, netns.identity(self._instances[vni].netns), self._doubts(vni))
            for vni, row in self._placed().items()
            if vni in self._instances
        }

    def read_actual(self) -> dict[int, Looked]:
        return dict(self._looked)

    def apply(self, changes: Changes[int, Looked]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, vni: int, now: Looked) -> None:
        before = self._looked.get(vni)
        look = Revoked(everything=True)
        if before is not None and before == msgspec.structs.replace(now, row=before.row):
            look = revoked(before.row, now.row)
        wrong = Allowed(now.row).is_wrong
        netns.inside(self._instances[vni].netns, partial(_forget, wrong, look))
        self._looked[vni] = now

    def _remove(self, vni: int) -> None:
        del self._looked[vni]


def _forget(wrong: conntrack.Wrong, look: Revoked) -> None:
    if look.everything:
        conntrack.forget(wrong)
    else:
        conntrack.forget_of(wrong, look.sources, look.destinations)
