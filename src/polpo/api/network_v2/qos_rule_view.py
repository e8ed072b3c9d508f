"""Rules of QoS policies as JSON shows them."""

from typing import Any

import msgspec

from polpo.api.network_v2.resource import View
from polpo.model.qos import BandwidthLimit, DscpMarking, MinimumBandwidth, QosPolicy, QosRule

TYPES: dict[str, type[QosRule]] = {
    "bandwidth_limit": BandwidthLimit,
    "dscp_marking": DscpMarking,
    "minimum_bandwidth": MinimumBandwidth,
}
"""By Neutron's names."""


def type_of(rule: QosRule) -> str:
    return next(name for name, cls in TYPES.items() if isinstance(rule, cls))


def values(rule: QosRule) -> dict[str, Any]:
    """Its attributes but the id."""
    held = msgspec.structs.asdict(rule)
    del held["id"]
    return held


def view(rule: QosRule) -> View:
    return {"id": rule.id, **values(rule)}


def inside(policy: QosPolicy, rule: QosRule) -> View:
    """As a part of its policy."""
    return {**view(rule), "type": type_of(rule), "qos_policy_id": policy.id}
