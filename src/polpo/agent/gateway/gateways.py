"""A host's gateways, put together: their steps in a pass, in the order of putting."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from polpo.agent.config import Config
from polpo.agent.devices import Devices
from polpo.agent.drift import Drift
from polpo.agent.gateway.externals import External, Externals, Vlan, Vlans
from polpo.agent.gateway.handover import Handover
from polpo.agent.gateway.instances import Instances
from polpo.agent.gateway.revocations import Looked, Revocations
from polpo.agent.gateway.roles import Roles
from polpo.agent.gateway.rules import Rules
from polpo.agent.gateway.settings import SETTINGS
from polpo.agent.gateway.warming import warm
from polpo.agent.pairs.keepalived import Keepalived
from polpo.agent.pairs.namespaces import Namespaces
from polpo.agent.pairs.watching import Watching
from polpo.agent.patience import Patience
from polpo.agent.reconciler import Step
from polpo.runtime.clock import monotonic

SOON_S = 0.2  # what keepalived takes to begin
WORD_S = 10.0  # for so long a new agent starts none without the controller's word
NOUNS = ("gateway", "namespace", "rules", "revocation", "external", "keepalived")
"""Whose keys are routers' numbers."""
AnyStep: TypeAlias = Step[int, str] | Step[int, Looked] | Step[str, Vlan] | Step[int, External]


class Gateways:
    """`wake` is called when a keepalived has ended."""

    def __init__(
        self,
        config: Config,
        instances: Instances,
        devices: Devices,
        drift: Drift,
        patience: Patience,
        wake: Callable[[], None],
    ) -> None:
        self.instances, self._devices = instances, devices
        self._around, self._wake = (drift, patience), wake
        self._directory = config.runtime / "gateways"
        self._has_word, self._began_at = False, monotonic()
        self.roles = Roles(devices, instances.all, self._is_whole)
        self.handover = Handover(instances.all, lambda: self.roles.active, wake, monotonic)
        self._rules = Rules(instances.all, devices.visits)
        watching = Watching(wake, SOON_S)
        self._keepalived = Keepalived(
            "keepalived",
            self._directory,
            instances.all,
            lambda: self._rules.in_place,
            self.handover.may_take_over,
            self.may_begin,
            lambda vni: warm(instances.all[vni]),
            watching.watch,
            watching.unwatch,
            watching.soon,
            monotonic,
        )

    def look(self, revision: int) -> None:
        """After a pass: who is active, and what follows from that."""
        self.roles.look(revision)
        self.handover.look()

    def word(self) -> None:
        """The controller has spoken: the target is not only what we knew of old."""
        if not self._has_word:
            self._has_word = True
            self._around[1].hurry()
            self._wake()

    def may_begin(self) -> bool:
        """A host that was away may have been replaced: one more of the same number would harm."""
        return self._has_word or monotonic() - self._began_at > WORD_S

    def before(self) -> Iterator[Step[int, dict[str, str]]]:
        """Before there is a device in them."""
        namespaces = Namespaces(
            "namespace", self.instances.all, SETTINGS, self._keepalived.inhabitant
        )
        yield Step(namespaces, namespaces.wanted, *self._around)

    def after(self) -> Iterator[AnyStep]:
        """When they have their ends in the transit networks. Nothing passes without rules."""
        rules, keepalived = self._rules, self._keepalived
        revocations = Revocations(
            self.instances.all,
            rules.placed,
            lambda vni: self.handover.moves(vni) + rules.doubts(vni),
        )
        vlans = Vlans(self._devices, self.instances)
        externals = Externals(self._devices, self.instances)
        yield Step(rules, rules.wanted, *self._around)
        yield Step(revocations, revocations.wanted, *self._around)
        yield Step(vlans, vlans.wanted, *self._around)
        yield Step(externals, externals.wanted, *self._around)
        yield Step(keepalived, keepalived.wanted, *self._around)

    def _is_whole(self, vni: int) -> bool:
        """Nothing of it has failed, and keepalived runs with what it was told last."""
        _, patience = self._around
        return self._keepalived.runs(vni) and not any(patience.failed(n, vni) for n in NOUNS)
