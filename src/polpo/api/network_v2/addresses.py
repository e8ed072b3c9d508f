"""Choosing addresses: from a subnet's pools, by EUI-64, within its bounds. Pure.

A free address is found by trying some at random: with a share `f` of the pool free that takes 1/f
tries on average, whatever the pool's size, and filling a pool to the last address takes ln(size)
tries for each. Only when at least as many addresses are held as the pools have is everything
looked at, to be certain before saying that there is none (docs/decisions/0031).
"""

from collections.abc import Callable, Container, Sequence, Sized
from ipaddress import ip_address, ip_network
from typing import Protocol

from polpo.model.network import AddressRange, Subnet

AUTOMATIC_MODES = ("slaac", "dhcpv6-stateless")
"""In these a port's address follows from its MAC."""

FEW, MANY = 64, 4096
"""Random tries before all are looked at in order: if there may be none free; if there is one."""


class Held(Sized, Container[str], Protocol):
    """The addresses that are taken."""


def is_automatic(subnet: Subnet) -> bool:
    """Whether ports get an address of the subnet without asking (SLAAC, stateless DHCPv6)."""
    modes = (subnet.ipv6_address_mode, subnet.ipv6_ra_mode)
    return any(mode in AUTOMATIC_MODES for mode in modes)


def free_address(
    pools: Sequence[AddressRange], held: Held, choose: Callable[[int], int]
) -> str | None:
    """An address of the pools that nobody holds, or None. `choose(n)` is a number below n."""
    spans = [_span(pool) for pool in pools]
    total = sum(size for _, size, _ in spans)
    if not total:
        return None
    certain = len(held) < total
    for _ in range(MANY if certain else FEW):
        address = _nth(spans, choose(total))
        if address not in held:
            return address
    start = choose(total)
    every = (_nth(spans, (start + i) % total) for i in range(total))
    return next((address for address in every if address not in held), None)


def _span(pool: AddressRange) -> tuple[int, int, type]:
    """First address, how many, and the kind of address."""
    first, last = ip_address(pool.start), ip_address(pool.end)
    return int(first), int(last) - int(first) + 1, type(first)


def _nth(spans: Sequence[tuple[int, int, type]], n: int) -> str:
    for first, size, kind in spans:
        if n < size:
            return str(kind(first + n))
        n -= size
    raise IndexError(n)


def eui64(cidr: str, mac: str) -> str:
    """The address that a host with this MAC gives itself in the prefix (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    return str(ip_network(cidr)[int.from_bytes(interface, "big")])


def usable(cidr: str, address: str) -> bool:
    """Whether a port may have the address: inside, neither the network's own nor broadcast."""
    network, here = ip_network(cidr), ip_address(address)
    if here.version != network.version or here not in network:
        return False
    if network.version == 4 and network.prefixlen < 31:
        return here not in (network.network_address, network.broadcast_address)
    return True


def hosts(cidr: str) -> AddressRange:
    """First and last address that a pool may have."""
    network = ip_network(cidr)
    first, last = network[0], network[-1]
    if network.num_addresses == 1 or (network.version == 4 and network.prefixlen > 30):
        return AddressRange(str(first), str(last))
    return AddressRange(str(first + 1), str(last - 1 if network.version == 4 else last))


def default_pools(cidr: str, gateway: str | None) -> tuple[AddressRange, ...]:
    """Everything but the gateway."""
    whole = hosts(cidr)
    if gateway is None or gateway not in whole:
        return (whole,)
    here = ip_address(gateway)
    before = AddressRange(whole.start, str(here - 1)) if gateway != whole.start else None
    after = AddressRange(str(here + 1), whole.end) if gateway != whole.end else None
    return tuple(pool for pool in (before, after) if pool is not None)


def default_gateway(cidr: str) -> str:
    """The first host."""
    network = ip_network(cidr)
    return str(network.network_address + (1 if network.num_addresses > 1 else 0))
