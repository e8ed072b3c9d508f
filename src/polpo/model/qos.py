"""QoS policies: what traffic of ports, networks and floating IPs may use, and how it is marked."""

from typing import ClassVar, TypeAlias

import msgspec

from polpo.model.object import Claim, IndexEntry, Owned

BURST = 0.8
"""Of a second at a limit's rate: the burst where nobody says one."""

EGRESS, INGRESS = "egress", "ingress"
"""As the port's owner sees it: egress is what the port sends."""


class BandwidthLimit(msgspec.Struct, frozen=True, tag="bandwidth_limit"):
    """At most `max_kbps` (1,000 bits a second); bursts of `max_burst_kbps` kilobits, 0 for 80 %."""

    id: str
    max_kbps: int
    max_burst_kbps: int = 0
    direction: str = EGRESS


class DscpMarking(msgspec.Struct, frozen=True, tag="dscp_marking"):
    """The DSCP of what the port sends (RFC 2474)."""

    id: str
    dscp_mark: int


class MinimumBandwidth(msgspec.Struct, frozen=True, tag="minimum_bandwidth"):
    """What placement keeps free for the port; nothing on the wire follows from it."""

    id: str
    min_kbps: int
    direction: str = EGRESS


QosRule: TypeAlias = BandwidthLimit | DscpMarking | MinimumBandwidth


class QosPolicy(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """`is_default`: what the project's new networks get when they name none. One a project."""

    kind: ClassVar[str] = "qos_policy"

    is_default: bool = False
    rules: tuple[QosRule, ...] = ()

    def claims(self) -> tuple[Claim, ...]:
        return (("default-qos-policy", self.project_id),) if self.is_default else ()

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), *(("rule", rule.id) for rule in self.rules))
