"""Default security group rules: what new groups begin with. Shown, not changed.

Neutron lets the admin change these; here they are the ones that default_group.py makes.
"""

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import not_found
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.query import fields

PARENT = "PARENT"
"""As a remote group: the group that gets the rule."""


def _rule(direction: str, ethertype: str, remote: str | None) -> dict[str, Any]:
    key = f"polpo:default-security-group-rule:{direction}:{ethertype}"
    return {
        "id": str(uuid5(NAMESPACE_URL, key)),
        "direction": direction,
        "ethertype": ethertype,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": remote,
        "remote_address_group_id": None,
        "description": "",
        "used_in_default_sg": True,
        "used_in_non_default_sg": remote is None,
    }


RULES: Sequence[dict[str, Any]] = [
    _rule(direction, ethertype, remote)
    for direction, remote in (("egress", None), ("ingress", PARENT))
    for ethertype in ("IPv4", "IPv6")
]


async def list_all(call: Call) -> Answer:
    return 200, {"default_security_group_rules": only(list(RULES), fields(call.query))}


async def show(call: Call, id: str) -> Answer:
    for rule in RULES:
        if rule["id"] == id:
            return 200, {"default_security_group_rule": rule}
    raise not_found(
        "DefaultSecurityGroupRuleNotFound", f"Default Security Group rule {id} not found."
    )
