"""What a subnet may be: its parts against each other, and against its network's other subnets.

Sentences and order as in Neutron's `db_base_plugin_v2._validate_subnet` and `ipam_backend_mixin`.
"""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from itertools import pairwise

from polpo.api.network_v2 import addresses
from polpo.api.network_v2.errors import NeutronError, conflict, invalid
from polpo.api.network_v2.resource import Writing
from polpo.model.network import AddressRange, Network, Subnet
from polpo.model.port import Port

LEAST_MTU = {4: 68, 6: 1280}


def check_new(w: Writing, network: Network, subnet: Subnet) -> None:
    if subnet.ip_version not in (4, 6):
        raise invalid(f"{subnet.ip_version} is not in [4, 6]")
    if subnet.segment_id:
        raise NeutronError(
            404, "SegmentNotFound", f"Segment {subnet.segment_id} could not be found."
        )
    _check_version(subnet.ip_version, subnet.cidr, "cidr")
    _check_prefix(subnet)
    if network.mtu < LEAST_MTU[subnet.ip_version]:
        raise conflict(
            "NetworkMTUSubnetConflict",
            f"MTU of {network.id} is not valid, subnet requires a minimum of "
            f"{LEAST_MTU[subnet.ip_version]}",
        )
    if subnet.enable_dhcp:
        _check_dhcp(subnet)
    _check_ipv6_modes(subnet)
    _check_rest(w, subnet)
    _check_overlap(w, subnet)


def check_update(w: Writing, before: Subnet, after: Subnet) -> None:
    if after.enable_dhcp and not before.enable_dhcp:
        _check_dhcp(after)
    if not after.enable_dhcp and (after.ipv6_ra_mode or after.ipv6_address_mode):
        raise invalid("Cannot disable enable_dhcp with ipv6 attributes set")
    if after.gateway_ip != before.gateway_ip:
        _check_gateway_unused(w, before)
    _check_rest(w, after)


def _check_rest(w: Writing, subnet: Subnet) -> None:
    """What a PUT may change as well."""
    _check_gateway(subnet)
    _check_pools(subnet)
    for server in subnet.dns_nameservers:
        _check_version(subnet.ip_version, server, "dns_nameserver")
    for route in subnet.host_routes:
        _check_version(subnet.ip_version, route.nexthop, "nexthop")
        _check_version(subnet.ip_version, route.destination, "destination")
    _check_amount(
        subnet,
        "DNSNameServersExhausted",
        "DNS nameservers",
        len(subnet.dns_nameservers),
        w.settings.max_dns_nameservers,
    )
    _check_amount(
        subnet,
        "HostRoutesExhausted",
        "host routes",
        len(subnet.host_routes),
        w.settings.max_host_routes,
    )


def _check_amount(subnet: Subnet, type: str, what: str, amount: int, limit: int) -> None:
    if amount > limit:
        raise NeutronError(
            400,
            type,
            f"Unable to complete operation for {subnet.id}. "
            f"The number of {what} exceeds the limit {limit}.",
        )


def _check_version(version: int, address: str, what: str) -> None:
    found = ip_network(address, strict=False).version
    if found != version:
        raise invalid(f"{what} '{address}' does not match the ip_version '{version}'")


def _check_prefix(subnet: Subnet) -> None:
    network = ip_network(subnet.cidr)
    if network.prefixlen == 0:
        raise invalid("0 is not allowed as CIDR prefix length")
    if network.version == 6 and int(network.network_address) == 0:
        raise invalid("IPv6 subnet '::' is not supported")


def _check_dhcp(subnet: Subnet) -> None:
    network = ip_network(subnet.cidr)
    if network.prefixlen > (30 if network.version == 4 else 126):
        raise invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
    for wrong, what in ((network.is_multicast, "Multicast"), (network.is_loopback, "Loopback")):
        if wrong:
            raise invalid(f"{what} IP subnet is not supported if enable_dhcp is True")
    if int(network.network_address) == 0:
        raise invalid("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")


def _check_ipv6_modes(subnet: Subnet) -> None:
    modes = {"ipv6_ra_mode": subnet.ipv6_ra_mode, "ipv6_address_mode": subnet.ipv6_address_mode}
    given = {key: mode for key, mode in modes.items() if mode}
    if subnet.ip_version == 4:
        for key in given:
            raise invalid(f"{key} is not valid when ip_version is 4")
        return
    if given and not subnet.enable_dhcp:
        raise invalid(
            "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False"
        )
    if len(set(given.values())) > 1:
        raise invalid(
            f"ipv6_ra_mode set to '{subnet.ipv6_ra_mode}' with ipv6_address_mode set to "
            f"'{subnet.ipv6_address_mode}' is not valid. If both attributes are set, they must be "
            "the same value"
        )
    if addresses.is_automatic(subnet) and ip_network(subnet.cidr).prefixlen != 64:
        raise invalid(
            f"Invalid CIDR {subnet.cidr} for IPv6 address mode. OpenStack uses the EUI-64 address "
            "format, which requires the prefix to be /64"
        )


def _check_gateway(subnet: Subnet) -> None:
    if subnet.gateway_ip is None:
        return
    _check_version(subnet.ip_version, subnet.gateway_ip, "gateway_ip")
    network, gateway = ip_network(subnet.cidr), ip_address(subnet.gateway_ip)
    if network.version == 4 and network.num_addresses > 1 and gateway in (network[0], network[-1]):
        raise invalid("Gateway is not valid on subnet")
    for pool in subnet.allocation_pools:
        if subnet.gateway_ip in pool and network.num_addresses > 1:
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {subnet.gateway_ip} conflicts with allocation pool {_text(pool)}.",
            )


def _check_gateway_unused(w: Writing, before: Subnet) -> None:
    holder = w.snapshot.holder(f"address/{before.id}", before.gateway_ip or "")
    port = w.snapshot.get(Port, holder) if holder else None
    if port is not None and port.device_owner.startswith("network:router"):
        raise conflict(
            "GatewayIpInUse",
            f"Current gateway ip {before.gateway_ip} already in use by port {port.id}. "
            "Unable to update.",
        )


def _check_pools(subnet: Subnet) -> None:
    whole = addresses.hosts(subnet.cidr)
    for pool in subnet.allocation_pools:
        start, end = ip_address(pool.start), ip_address(pool.end)
        if {start.version, end.version} != {subnet.ip_version} or int(start) > int(end):
            raise NeutronError(
                400, "InvalidAllocationPool", f"The allocation pool {_text(pool)} is not valid."
            )
        if pool.start not in whole or pool.end not in whole:
            raise NeutronError(
                400,
                "OutOfBoundsAllocationPool",
                f"The allocation pool {_text(pool)} spans beyond the subnet cidr {subnet.cidr}.",
            )
    _check_apart(subnet, sorted(subnet.allocation_pools, key=lambda p: int(ip_address(p.start))))


def _check_apart(subnet: Subnet, pools: Sequence[AddressRange]) -> None:
    for one, next_one in pairwise(pools):
        if int(ip_address(next_one.start)) <= int(ip_address(one.end)):
            raise conflict(
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {_text(one)} {_text(next_one)} "
                f"for subnet {subnet.cidr}.",
            )


def _text(pool: AddressRange) -> str:
    return f"{pool.start}-{pool.end}"


def _check_overlap(w: Writing, subnet: Subnet) -> None:
    here = ip_network(subnet.cidr)
    for other in w.snapshot.by(Subnet, "network", subnet.network_id):
        if other.ip_version == here.version and here.overlaps(ip_network(other.cidr)):
            raise invalid(
                f"Requested subnet with cidr: {subnet.cidr} for network: {subnet.network_id} "
                "overlaps with another subnet"
            )
