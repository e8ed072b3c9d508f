"""Networks, subnets, subnet pools, address scopes: Neutron's layer 2 and its addresses."""

from ipaddress import ip_address
from typing import ClassVar

import msgspec

from polpo.model.object import Claim, IndexEntry, Owned


class Network(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """An isolated layer 2 segment. `vni` is its number on the wire (`provider:segmentation_id`).

    Who else may use it is said by RBAC policies (model/sharing.py) and nowhere else. `external`
    networks may be flat or VLAN networks of the datacentre: then `vlan_id` is theirs.
    """

    kind: ClassVar[str] = "network"

    vni: int
    mtu: int
    admin_state_up: bool = True
    external: bool = False
    is_default: bool = False
    port_security_enabled: bool = True
    network_type: str = "vxlan"
    physical_network: str | None = None
    dns_domain: str = ""
    availability_zone_hints: tuple[str, ...] = ()
    vlan_id: int | None = None
    qos_policy_id: str = ""

    def claims(self) -> tuple[Claim, ...]:
        segment = f"{self.physical_network}/{self.vlan_id}"
        provider = (("segment", segment),) if self.physical_network else ()
        default = (("default-network", "external"),) if self.is_default else ()
        return (("vni", str(self.vni)), *provider, *default)

    def index(self) -> tuple[IndexEntry, ...]:
        shaped = (("qos_policy", self.qos_policy_id),) if self.qos_policy_id else ()
        return (*super().index(), ("vni", str(self.vni)), *shaped)


class AddressRange(msgspec.Struct, frozen=True, order=True):
    """Inclusive."""

    start: str
    end: str

    def __contains__(self, address: str) -> bool:
        here = ip_address(address)
        start, end = ip_address(self.start), ip_address(self.end)
        return here.version == start.version and int(start) <= int(here) <= int(end)


class HostRoute(msgspec.Struct, frozen=True, order=True):
    destination: str
    nexthop: str


class Subnet(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """An address block of a network, with what its users configure besides an address."""

    kind: ClassVar[str] = "subnet"

    network_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None = None
    allocation_pools: tuple[AddressRange, ...] = ()
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    enable_dhcp: bool = True
    ipv6_address_mode: str | None = None
    ipv6_ra_mode: str | None = None
    subnetpool_id: str | None = None
    service_types: tuple[str, ...] = ()
    segment_id: str | None = None
    dns_publish_fixed_ip: bool = False

    def index(self) -> tuple[IndexEntry, ...]:
        pool = (("subnetpool", self.subnetpool_id),) if self.subnetpool_id else ()
        return (*super().index(), ("network", self.network_id), *pool)


class SubnetPool(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Prefixes that subnets are cut from, so that they do not overlap."""

    kind: ClassVar[str] = "subnetpool"

    prefixes: tuple[str, ...]
    ip_version: int
    default_prefixlen: int
    min_prefixlen: int
    max_prefixlen: int
    default_quota: int | None = None
    address_scope_id: str | None = None
    is_default: bool = False

    def claims(self) -> tuple[Claim, ...]:
        return (("default-subnetpool", str(self.ip_version)),) if self.is_default else ()

    def index(self) -> tuple[IndexEntry, ...]:
        scope = (("address_scope", self.address_scope_id),) if self.address_scope_id else ()
        return (*super().index(), *scope)


class AddressScope(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Within it no two addresses are the same: pools of one scope do not overlap."""

    kind: ClassVar[str] = "address_scope"

    ip_version: int
