"""Which changes of a port the switches must learn, and the marks that make them learn it.

A port's `wiring` is the revision that last changed what switches need; it is ACTIVE when the
hosts concerned have reported that revision. So it moves when it must, and only then.
"""

import msgspec

from polpo.api.network_v2.resource import Writing
from polpo.model.port import Port

WIRED = (
    "mac_address",
    "fixed_ips",
    "host",
    "security_groups",
    "port_security_enabled",
    "allowed_address_pairs",
    "admin_state_up",
    "extra_dhcp_opts",
    "dns_name",
    "qos_policy_id",
    "profile",
)
"""The fields that the port's host, or others, must know before it can be used."""


def put(w: Writing, before: Port, after: Port) -> Port:
    """Store the port, marked if its wires have changed."""
    if any(getattr(before, field) != getattr(after, field) for field in WIRED):
        after = msgspec.structs.replace(after, wiring=w.tx.revision)
    return w.tx.put(after)


def touch_network(w: Writing, network_id: str) -> None:
    """Mark all ports of a network that was switched on or off."""
    for port in list(w.snapshot.by(Port, "network", network_id)):
        w.tx.put(msgspec.structs.replace(port, wiring=w.tx.revision))
