"""What a port's JSON may hold."""

from typing import Any

from polpo.api.network_v2 import dns_names, qos_binding, values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown, table
from polpo.api.network_v2.port_profile import profile
from polpo.api.network_v2.values import Kind, boolean, list_of, nullable, one_of, record, text

VNIC_TYPES = (
    "normal",
    "direct",
    "macvtap",
    "baremetal",
    "direct-physical",
    "virtio-forwarder",
    "smart-nic",
    "vdpa",
    "accelerator-direct",
    "accelerator-direct-physical",
    "remote-managed",
)

_FIXED_IP = record({}, {"subnet_id": values.uuid(), "ip_address": values.address()})
_PAIR = record({"ip_address": values.unicast()}, {"mac_address": values.mac()})
_OPTION = record(
    {"opt_name": values.not_blank(text(64))},
    {"opt_value": nullable(text(255)), "ip_version": values.integer(4, 6)},
)


def fixed_ips() -> Kind:
    """A list of wishes; no address twice."""
    wishes = list_of(_FIXED_IP, unique=False)

    def read(value: Any) -> tuple[dict[str, str], ...]:
        read = wishes.read(value)
        addresses = [wish["ip_address"] for wish in read if "ip_address" in wish]
        for address in addresses:
            if addresses.count(address) > 1:
                raise ValueError(f"Duplicate IP address '{address}'")
        return tuple(read)

    return Kind(read, wishes.schema)


TABLE = table(
    "port",
    {
        "network_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="network_id"
        ),
        "admin_state_up": Attribute(kind=boolean(), default=True, field="admin_state_up"),
        "status": shown(text()),
        "mac_address": Attribute(kind=nullable(values.mac()), owner=True, field="mac_address"),
        "fixed_ips": Attribute(kind=fixed_ips(), filter=False, sort=False),
        "device_id": Attribute(kind=nullable(text(255)), default="", field="device_id"),
        "device_owner": Attribute(
            kind=nullable(text(255)), default="", owner=True, field="device_owner"
        ),
        "security_groups": Attribute(
            kind=list_of(values.uuid(), null_is_empty=True), filter=False, sort=False
        ),
        "port_security_enabled": Attribute(
            kind=nullable(boolean()), owner=True, field="port_security_enabled", sort=False
        ),
        "allowed_address_pairs": Attribute(
            kind=list_of(_PAIR, unique=False, null_is_empty=True),
            default=(),
            owner=True,
            filter=False,
            sort=False,
        ),
        "extra_dhcp_opts": Attribute(
            kind=list_of(_OPTION, null_is_empty=True), default=(), filter=False, sort=False
        ),
        "binding:host_id": Attribute(
            kind=nullable(values.name()), default="", admin=True, hidden=True, field="host"
        ),
        "binding:vnic_type": Attribute(
            kind=one_of(*VNIC_TYPES), default="normal", field="vnic_type", sort=False
        ),
        "binding:profile": Attribute(
            kind=profile(), default={}, admin=True, hidden=True, filter=False, sort=False
        ),
        "binding:vif_type": shown(text(), hidden=True, sort=False),
        "binding:vif_details": shown(hidden=True, filter=False, sort=False),
        "dns_name": Attribute(kind=dns_names.host_name(), default="", field="dns_name"),
        "dns_domain": Attribute(
            kind=dns_names.domain(), default="", field="dns_domain", sort=False
        ),
        "dns_assignment": shown(filter=False, sort=False),
        "propagate_uplink_status": Attribute(
            kind=boolean(), default=True, filter=False, sort=False
        ),
        "qos_policy_id": qos_binding.ATTRIBUTE,
        "qos_network_policy_id": shown(filter=False, sort=False),
        "ip_allocation": shown(filter=False, sort=False),
        "tags": Attribute(kind=list_of(text(255)), put=False, default=(), filter=False, sort=False),
    },
)
