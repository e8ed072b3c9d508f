"""Values of DHCP options from the text that users write: each raises ValueError if it is none."""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address

Form = Callable[[str], bytes]


def addresses4(text: str) -> bytes:
    """`10.0.0.1,10.0.0.2`, also in braces as OVN has them."""
    return b"".join(IPv4Address(part).packed for part in listed(text))


def addresses6(text: str) -> bytes:
    """`fd00::1,fd00::2`, also each in brackets as dnsmasq has them."""
    return b"".join(IPv6Address(part.strip("[]")).packed for part in listed(text))


def number(size: int) -> Form:
    """An unsigned number of 1, 2 or 4 bytes; true and false are numbers."""

    def read(text: str) -> bytes:
        word = text.strip().lower()
        found = {"true": 1, "false": 0}.get(word)
        value = int(word, 0) if found is None else found
        try:
            return value.to_bytes(size, "big")
        except OverflowError as e:
            raise ValueError(f"{text} is not a number of {size} bytes") from e

    return read


def text(value: str) -> bytes:
    """Without the quotes that OVN wants around it."""
    found = value.strip().removeprefix('"').removesuffix('"').encode()
    if not found:
        raise ValueError("empty")
    return found


def domains(value: str) -> bytes:
    """`example.org,example.com` as the DNS writes names (RFC 1035, 3.1), not compressed."""
    return b"".join(domain(name) for name in listed(value.replace('"', "")))


def domain(name: str) -> bytes:
    labels = [label.encode("idna") for label in name.removesuffix(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"not a domain: {name}")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def routes(value: str) -> bytes:
    """`10.1.0.0/16,10.0.0.2,…`: destinations and next hops, in turn."""
    parts = listed(value)
    if len(parts) % 2:
        raise ValueError(f"a destination without a next hop: {value}")
    return b"".join(route(to, via) for to, via in zip(parts[::2], parts[1::2], strict=True))


def route(destination: str, via: str) -> bytes:
    """Of option 121 (RFC 3442): only as many octets of the destination as are significant."""
    prefix = IPv4Network(destination)
    octets = prefix.network_address.packed[: (prefix.prefixlen + 7) // 8]
    return bytes([prefix.prefixlen]) + octets + IPv4Address(via).packed


def ntp6(value: str) -> bytes:
    """Addresses, each in a suboption (RFC 5908)."""
    packed = addresses6(value)
    return b"".join(
        struct.pack("!HH", 1, 16) + packed[i : i + 16] for i in range(0, len(packed), 16)
    )


def guessed(value: str) -> bytes:
    """Of an option that we do not know, as dnsmasq guesses: addresses, octets, a number, text."""
    for form in (addresses4, addresses6, _octets, _least_number):
        try:
            return form(value)
        except ValueError:
            continue
    return text(value)


def listed(value: str) -> list[str]:
    """The parts between commas; at least one."""
    parts = [part.strip() for part in value.strip().strip("{}").split(",")]
    if not all(parts):
        raise ValueError(f"nothing between commas: {value!r}")
    return parts


def _octets(value: str) -> bytes:
    """`0a:1b:ff`"""
    parts = value.strip().split(":")
    if len(parts) < 2 or any(len(part) != 2 for part in parts):
        raise ValueError("not octets")
    return bytes.fromhex("".join(parts))


def _least_number(value: str) -> bytes:
    found = int(value, 0)
    for size in (1, 2, 4):
        if 0 <= found < 1 << 8 * size:
            return found.to_bytes(size, "big")
    raise ValueError("too large")
