"""Which addresses a wildcard may stand for. Pure.

Whoever has a zone under it says what its names are: of an answer nobody is to learn his way into
the cluster itself (DNS rebinding), for which policies have other words.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Prefix = IPv4Network | IPv6Network
LOWEST = (ip_network("0.0.0.0/8"), ip_network("::/96"))
"""Of this host (RFC 1122 3.2.1.3); what once was IPv4 in IPv6."""
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052): what is in it counts."""


class Outside:
    """All but `own`: prefixes of pods, Services and all else at the cluster's router, nodes. Never
    addresses that mean something else on each host or link, or many of them."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own: tuple[Prefix, ...] = (*LOWEST, *(ip_network(one, strict=False) for one in own))

    def has(self, text: str) -> bool:
        """False of what is no address, too."""
        try:
            return self._has(ip_address(text))
        except ValueError:
            return False

    def _has(self, found: IPv4Address | IPv6Address) -> bool:
        if isinstance(found, IPv6Address):
            if found in NAT64:
                return self._has(IPv4Address(int(found) & 0xFFFFFFFF))
            if found.ipv4_mapped is not None:
                return False
        elif found.is_reserved:
            return False
        if found.is_loopback or found.is_link_local or found.is_multicast:
            return False
        return not any(found in prefix for prefix in self._own)
