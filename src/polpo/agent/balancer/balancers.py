"""A host's instances of load balancers, put together: their steps in a pass, in putting order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec
from prometheus_client.core import Metric

from polpo.agent.balancer.exposition import metrics
from polpo.agent.balancer.instances import Instances
from polpo.agent.balancer.limits import Limits
from polpo.agent.balancer.listening import Listening
from polpo.agent.balancer.loopback import Loopbacks
from polpo.agent.balancer.pings import Pings, pinged
from polpo.agent.balancer.proxy.figures import balancing
from polpo.agent.balancer.proxy.haproxy import Haproxy
from polpo.agent.balancer.proxy.master import find
from polpo.agent.balancer.roles import Roles
from polpo.agent.balancer.rules import Rules
from polpo.agent.balancer.settings import SETTINGS
from polpo.agent.devices import Devices
from polpo.agent.drift import Drift
from polpo.agent.pairs.keepalived import Keepalived
from polpo.agent.pairs.namespaces import Namespaces
from polpo.agent.pairs.watching import Watching
from polpo.agent.patience import Patience
from polpo.agent.reconciler import Step
from polpo.kernel import cgroups
from polpo.kernel.haproxy import socket
from polpo.kernel.processes import Process
from polpo.runtime.clock import monotonic
from polpo.target.balancer import Balancing

OLD_S = 4.5  # figures: a bit less than a host's silence between two reports
WAIT_S = 3.0  # a host that is there has answered by then
SOON_S = 0.02  # what HAProxy takes to begin is about twice that
NOUNS = (
    "balancer",
    "balancer namespace",
    "balancer limits",
    "balancer rules",
    "vip",
    "haproxy",
    "balancer keepalived",
)
"""Whose keys are load balancers' numbers."""
AnyStep: TypeAlias = Step[int, str] | Step[int, frozenset[str]] | Step[int, int]


class _Asked(NamedTuple):
    """When, what HAProxy said, and what the controller is told of that."""

    at: float
    said: str
    found: Balancing


class Balancers:
    """`wake` is called when a process has ended, or one that was started may have begun; `said`,
    when one has said something of its members.
    """

    def __init__(
        self,
        instances: Instances,
        devices: Devices,
        drift: Drift,
        patience: Patience,
        may_begin: Callable[[], bool],
        wake: Callable[[], None],
        said: Callable[[], None],
    ) -> None:
        self.instances = instances
        self._around, self._said = (drift, patience), said
        self._visits = devices.visits
        self._waiting: dict[int, float] = {}  # those that are to take over, and since when
        self._figures: dict[int, _Asked] = {}
        self._listening = Listening(instances.all, self._heard)
        self.pings = Pings(instances.all, monotonic)
        self.roles = Roles(devices, instances.all, self._is_whole)
        self._rules = Rules(instances.all, devices.visits)
        watching = Watching(wake, SOON_S)
        watched = (watching.watch, watching.unwatch, watching.soon, monotonic)
        self._limits = Limits(instances.host, cgroups.find(), instances.all, self._pids)
        self._haproxy = Haproxy(instances.directory, instances.all, *watched, self._limits)
        self._keepalived = Keepalived(
            "balancer keepalived",
            instances.directory,
            instances.all,
            lambda: self._rules.in_place,
            self._may_take_over,
            may_begin,
            lambda vni: None,
            *watched,
            self._limits,
        )

    def _pids(self, vni: int) -> list[int]:
        return [*self._haproxy.pids(vni), *self._keepalived.pids(vni)]

    def before(self) -> Iterator[Step[int, dict[str, str]]]:
        """Before there is a device in them."""
        namespaces = Namespaces(
            "balancer namespace", self.instances.all, SETTINGS, self._inhabitant
        )
        yield Step(namespaces, namespaces.wanted, *self._around)

    def _inhabitant(self, vni: int) -> Process | None:
        return self._keepalived.inhabitant(vni) or find(self.instances.directory / str(vni))

    def _may_take_over(self, vni: int) -> bool:
        """On purpose: not before what is under way finds its way back to the peer; or never will,
        because something between the hosts lets no echo pass.
        """
        now = monotonic()
        waits_since = self._waiting.setdefault(vni, now)
        return self.instances.all[vni].second_chance or now - waits_since > WAIT_S

    def after(self) -> Iterator[AnyStep]:
        """When they have their ends. Nobody is let in before there are rules."""
        rules, loopbacks = self._rules, Loopbacks(self.instances.all, self._visits)
        haproxy, keepalived = self._haproxy, self._keepalived
        yield Step(rules, rules.wanted, *self._around)
        yield Step(loopbacks, loopbacks.wanted, *self._around)
        yield Step(self._limits, self._limits.wanted, *self._around)
        yield Step(haproxy, haproxy.wanted, *self._around)
        yield Step(keepalived, keepalived.wanted, *self._around)

    def look(self) -> None:
        """After a pass."""
        here = self.instances.all
        self._waiting = {v: at for v, at in self._waiting.items() if v in here and here[v].preempt}
        self.roles.look()
        self._listening.look()
        self.pings.look()

    def figures(self) -> dict[int, Balancing]:
        """By number; not asked for again at once, unless something was said meanwhile."""
        now, here = monotonic(), self.instances.all
        kept = {v: x for v, x in self._figures.items() if v in here and now - x.at < OLD_S}
        self._figures = {v: kept.get(v) or self._asked(v, now) for v in here}
        return {vni: asked.found for vni, asked in self._figures.items()}

    def metrics(self) -> Iterator[Metric]:
        """For Prometheus: what was said to `figures`."""
        here = self.instances.all
        return metrics((here[v].row, x.said) for v, x in self._figures.items() if v in here)

    def _heard(self, vni: int) -> None:
        self._figures.pop(vni, None)
        self._said()

    def _asked(self, vni: int, now: float) -> "_Asked":
        patience = self._around[1]
        error = next(filter(None, (patience.failure(noun, vni) for noun in NOUNS)), None)
        under_way = any(patience.failed(noun, vni) for noun in NOUNS)
        instance = self.instances.all[vni]
        try:
            said = socket.ask(instance.settings.socket, "show stat")
        except OSError as e:
            silent = None if under_way else f"HAProxy does not answer: {e.strerror or e}"
            return _Asked(now, "", Balancing(error=error or silent))
        found = balancing(said, pinged(instance.row).keys())
        return _Asked(now, said, msgspec.structs.replace(found, error=error))

    def _is_whole(self, vni: int) -> bool:
        """Nothing of it has failed, and both processes run with what they were told last."""
        patience = self._around[1]
        failed = any(patience.failed(noun, vni) for noun in NOUNS)
        return not failed and self._haproxy.listens(vni) and self._keepalived.runs(vni)
