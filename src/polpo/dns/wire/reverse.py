"""Names of addresses: in-addr.arpa and ip6.arpa (RFC 1035 3.5, 3596 2.5)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from polpo.dns.wire.name import from_text, labels

IPV4 = from_text("in-addr.arpa")
IPV6 = from_text("ip6.arpa")
_NIBBLES = frozenset(b"0123456789abcdef")


def reverse_name(address: IPv4Address | IPv6Address | str) -> bytes:
    """The name under which the PTR records of the address are."""
    return from_text(ip_address(address).reverse_pointer)


def address_of(name: bytes) -> IPv4Address | IPv6Address | None:
    """The address whose reverse name this is (lower-case), if it is one."""
    if name.endswith(IPV4):
        parts = labels(name)[:-2]
        if len(parts) == 4 and all(part.isdigit() and len(part) < 4 for part in parts):
            numbers = [int(part) for part in reversed(parts)]
            return IPv4Address(bytes(numbers)) if max(numbers) < 256 else None
    elif name.endswith(IPV6):
        parts = labels(name)[:-2]
        if len(parts) == 32 and all(len(part) == 1 and part[0] in _NIBBLES for part in parts):
            return IPv6Address(bytes.fromhex(b"".join(reversed(parts)).decode()))
    return None


def reverse_zones(network: IPv4Network | IPv6Network) -> list[bytes]:
    """The zones that together hold the network's reverse names and nothing else.

    A prefix between two labels' borders makes several zones: 10.0.0.0/22 makes four.
    """
    step = 8 if network.version == 4 else 4
    border = max(-(-network.prefixlen // step) * step, step)
    if network.prefixlen == 0:
        return [IPV4 if network.version == 4 else IPV6]
    return [_zone(part, border // step) for part in network.subnets(new_prefix=border)]


def _zone(network: IPv4Network | IPv6Network, kept: int) -> bytes:
    pointer = network.network_address.reverse_pointer.split(".")
    return from_text(".".join(pointer[len(pointer) - 2 - kept :]))
