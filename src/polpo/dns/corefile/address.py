"""What stands before a server block's brace: `[scheme://]zone[:port]`, zones also as networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from polpo.dns.corefile.block import Address, CorefileError, Token
from polpo.dns.wire.name import from_text
from polpo.dns.wire.reverse import reverse_zones

PORTS = {"dns": 53, "tls": 853, "https": 443}


def addresses(keys: Sequence[Token]) -> tuple[Address, ...]:
    """The addresses of a block, in their order."""
    out: dict[Address, None] = {}
    for key in keys:
        for text in key.text.split(","):
            if text:
                out |= dict.fromkeys(_address(text, key))
    if not out:
        raise CorefileError(keys[0].file, keys[0].line, "a server block needs a zone before `{`")
    return tuple(out)


def zones(text: str) -> list[bytes]:
    """The zones that a word of a Corefile means: a name, or a network in CIDR notation."""
    network = _network(text)
    return reverse_zones(network) if network is not None else [from_text(text)]


def _address(text: str, key: Token) -> Iterable[Address]:
    scheme, mark, rest = text.rpartition("://")
    scheme = scheme.lower() if mark else "dns"
    if scheme not in PORTS:
        known = ", ".join(f"{name}://" for name in PORTS)
        raise CorefileError(key.file, key.line, f"{text}: the schemes are {known}")
    zone, port = _split_port(rest)
    try:
        return [Address(scheme, wire, _port(port)) for wire in zones(zone)]
    except ValueError as wrong:
        words = f"{text}: {wrong}; allowed is [dns://|tls://|https://]ZONE|NETWORK[:PORT]"
        raise CorefileError(key.file, key.line, words) from wrong


def _split_port(text: str) -> tuple[str, str]:
    if _network(text) is not None:
        return text, ""
    zone, mark, port = text.rpartition(":")
    return (zone, port) if mark else (text, "")


def _port(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{text} is no port")
    return int(text)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
