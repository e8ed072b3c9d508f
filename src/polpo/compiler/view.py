"""One snapshot, with what has been worked out of it so far, so that nothing is done twice."""

from collections.abc import Iterable

from polpo.compiler.numbers import Groups
from polpo.compiler.policies import policy
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.object import Object
from polpo.model.port import Port
from polpo.model.security_group import AddressGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Policy

Policies = dict[Groups, Policy | None]


class View:
    """Answers are those of `snapshot`; a second question for the same thing is a look-up."""

    __slots__ = ("_policies", "snapshot")

    def __init__(self, snapshot: Snapshot, policies: Policies | None = None) -> None:
        self.snapshot = snapshot
        self._policies: Policies = {} if policies is None else policies

    def after(self, snapshot: Snapshot, changes: Iterable[Change[Object]]) -> "View":
        """The view of a snapshot that is these changes later (or earlier)."""
        kinds = {change.subject.kind for change in changes}
        stale = not kinds.isdisjoint((SecurityGroupRule.kind, AddressGroup.kind))
        return View(snapshot, None if stale else self._policies)

    def host(self, name: str) -> Host | None:
        id = self.snapshot.holder("host", name)
        return self.snapshot.get(Host, id) if id is not None else None

    def network(self, id: str) -> Network | None:
        return self.snapshot.get(Network, id)

    def network_of(self, vni: int) -> Network | None:
        """The network of that number."""
        id = self.snapshot.holder("vni", str(vni))
        return self.network(id) if id is not None else None

    def subnet(self, id: str) -> Subnet | None:
        return self.snapshot.get(Subnet, id)

    def carries(self, host: str, network_id: str) -> bool:
        """Whether a port of the network is bound to the host."""
        return self.snapshot.has_trait(Port, "carries", host, network_id)

    def policy(self, groups: Groups) -> Policy | None:
        """What the groups (sorted) let pass together; None if that is nothing."""
        if groups not in self._policies:
            self._policies[groups] = policy(self.snapshot, groups)
        return self._policies[groups]
