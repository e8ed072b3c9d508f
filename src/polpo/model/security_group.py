"""Security groups, their rules, address groups: who may speak to a port, and to whom it may."""

from collections.abc import Iterator
from typing import ClassVar

from polpo.model.object import Claim, IndexEntry, Owned
from polpo.model.protocol import number
from polpo.model.snapshot import Snapshot

ANYWHERE = (None, "0.0.0.0/0", "::/0")
"""Remote prefixes that leave nobody out."""


class SecurityGroup(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """`is_default`: the project's group that ports get when none is named. One a project.

    `cluster_id` and `cluster_key` of one that a Kubernetes cluster's policies have made: whose it
    is, and what they call it.
    """

    kind: ClassVar[str] = "security_group"

    stateful: bool = True
    is_default: bool = False
    cluster_id: str = ""
    cluster_key: str = ""

    def claims(self) -> tuple[Claim, ...]:
        return (("default-security-group", self.project_id),) if self.is_default else ()

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), *_of_cluster(self))


class SecurityGroupRule(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Allows one kind of traffic. `protocol` as it was given (name or number), None for any."""

    kind: ClassVar[str] = "security_group_rule"

    security_group_id: str
    direction: str
    ethertype: str
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    cluster_id: str = ""

    def claims(self) -> tuple[Claim, ...]:
        """No group holds the same rule twice, however its protocol and prefix are written."""
        what = (
            self.direction,
            self.ethertype,
            number(self.protocol, self.ethertype),
            self.port_range_min,
            self.port_range_max,
            None if self.remote_ip_prefix in ANYWHERE else self.remote_ip_prefix,
            self.remote_group_id,
            self.remote_address_group_id,
        )
        return ((f"rule/{self.security_group_id}", "|".join(str(w) for w in what)),)

    def index(self) -> tuple[IndexEntry, ...]:
        group, book = self.remote_group_id, self.remote_address_group_id
        return (
            *super().index(),
            ("security_group", self.security_group_id),
            *((("remote_group", group),) if group else ()),
            *((("remote_address_group", book),) if book else ()),
            *_of_cluster(self),
        )


class TieredRule(SecurityGroupRule, frozen=True, kw_only=True, omit_defaults=True):
    """One of a cluster's administrators, who may also deny: no rule of Neutron's, whose API does
    not know it.

    tier    `admin`, before all rules of groups, or `baseline`, after them
    action  allow, deny or pass: on to the next tier
    order   within the tier; the least is the first that counts
    """

    kind: ClassVar[str] = "tiered_rule"

    tier: str
    action: str
    order: int

    def claims(self) -> tuple[Claim, ...]:
        ((scope, what),) = super().claims()
        return ((scope, f"{what}|{self.tier}|{self.action}|{self.order}"),)


def all_rules(
    snapshot: Snapshot, group_id: str, index: str = "security_group"
) -> Iterator[SecurityGroupRule]:
    """A group's, with those in tiers; by `remote_group` those of others that name it."""
    kinds: tuple[type[SecurityGroupRule], ...] = (SecurityGroupRule, TieredRule)
    for kind in kinds:
        yield from snapshot.by(kind, index, group_id)


def _of_cluster(one: "SecurityGroup | SecurityGroupRule | AddressGroup") -> tuple[IndexEntry, ...]:
    """`kept`: by a cluster for its project, whose quota does not count it."""
    if not one.cluster_id:
        return ()
    return (("cluster", one.cluster_id), ("kept", one.project_id))


class AddressGroup(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """A named set of prefixes that rules refer to. `cluster_id`, `cluster_key`: as a group's."""

    kind: ClassVar[str] = "address_group"

    addresses: tuple[str, ...] = ()
    cluster_id: str = ""
    cluster_key: str = ""

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), *_of_cluster(self))
