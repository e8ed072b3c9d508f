"""Which addresses a prefix holds. Addresses are 16 bytes; IPv4 is in no prefix of IPv6."""

from polpo.dataplane.tables import ANY4, pack_prefix


def is_ipv6(address: bytes) -> bool:
    return not address.startswith(ANY4[:12])


def inside(address: bytes, prefix: str) -> bool:
    if is_ipv6(address) != (":" in prefix):
        return False
    start, length = pack_prefix(prefix)
    shift = 128 - length
    return int.from_bytes(address, "big") >> shift == int.from_bytes(start, "big") >> shift


def is_loopback(address: bytes) -> bool:
    """IPv4's, which no network has."""
    return inside(address, "127.0.0.0/8")


def length_of(prefix: str) -> int:
    """Of 128 bits."""
    return pack_prefix(prefix)[1]
