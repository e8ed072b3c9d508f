"""What a cloud's operator decides about networks."""

import msgspec

VXLAN_BYTES = 50
"""What VXLAN adds to a packet between hosts: Ethernet, IPv4, UDP and its own header."""

DEFAULT_QUOTAS = {
    "network": 100,
    "subnet": 100,
    "port": 500,
    "security_group": 10,
    "security_group_rule": 100,
    "subnetpool": -1,
    "address_scope": -1,
    "address_group": -1,
    "rbac_policy": 10,
    "router": 10,
    "floatingip": 50,
    "router_route": 30,
}
"""Neutron's own defaults; -1 for no limit."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    mtu           largest frame of a network, and the default: the underlay's minus 50 for VXLAN
    vni_first, vni_last  numbers for networks that do not ask for one
    base_mac      first three bytes of the MACs that are made for ports
    page_limit    most objects in one page, 0 for no limit
    body_bytes    larger requests are refused with 413
    """

    mtu: int = 1450
    vni_first: int = 1
    vni_last: int = (1 << 24) - 1
    base_mac: str = "fa:16:3e"
    dns_domain: str = "openstacklocal."
    availability_zone: str = "nova"
    quotas: dict[str, int] = msgspec.field(default_factory=lambda: dict(DEFAULT_QUOTAS))
    page_limit: int = 0
    body_bytes: int = 1 << 20
    max_dns_nameservers: int = 5
    max_host_routes: int = 20
    max_address_pairs: int = 10
