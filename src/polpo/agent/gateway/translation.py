"""What a gateway's row says of translation, address by address. Pure.

The rules are made of it (`ruleset.py`), and what conntrack knows is compared with it (`wrong.py`).
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_interface

from polpo.target.rows import Gateway

PROTOCOLS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
Port = tuple[int, IPv4Address, int]  # protocol, floating address, its port
Pairs = dict[IPv4Address, IPv4Address]


def inward(gateway: Gateway) -> Pairs:
    """Floating address -> fixed one."""
    return {IPv4Address(a): IPv4Address(b) for a, b in gateway.floating}


def outward(gateway: Gateway) -> Pairs:
    """Fixed address -> the floating one that it speaks as: of several the first."""
    return {b: a for a, b in reversed(inward(gateway).items())}


def forwarded(gateway: Gateway) -> Iterator[tuple[Port, tuple[IPv4Address, int]]]:
    """Each port by itself: nft can't shift a range of them."""
    for f in gateway.forwardings:
        floating, fixed = IPv4Address(f.floating), IPv4Address(f.fixed)
        for port in range(f.first, f.last + 1):
            inside = f.port if f.one else f.port + port - f.first
            yield (PROTOCOLS[f.protocol], floating, port), (fixed, inside)


def own_ipv4(gateway: Gateway) -> IPv4Address | None:
    """What SNAT translates to."""
    addresses = (ip_interface(text).ip for text in gateway.external)
    return next((a for a in addresses if isinstance(a, IPv4Address)), None)
