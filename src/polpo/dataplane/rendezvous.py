"""Which of several backends a flow takes: the switch's arithmetic, in Python.

Each flow has an order of its own among the backends, and takes the first of them (highest random
weight, Thaler and Ravishankar; with weights, the greatest -weight / log(hash)). So all hosts choose
alike without telling each other, and a backend that comes or goes changes only its own share.
"""

import hashlib

UNIT = 1 << 24
"""`inverse` of weight 1."""
_MASK = 0xFFFFFFFF


def mixed(value: int) -> int:
    """32 bits of which each depends on all of the argument's (MurmurHash3's last step)."""
    value = (value ^ value >> 16) * 0x85EBCA6B & _MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & _MASK
    return value ^ value >> 16


def minus_log(value: int) -> int:
    """-log2(value / 2^32) * 2^24, its fraction by a parabola: 0.9 % off at most."""
    value |= 1
    whole = value.bit_length() - 1
    part = (value << 31 - whole & 0x7FFFFFFF) >> 7
    bent = (part * (UNIT - part) >> 24) * 22497 >> 16
    return 32 * UNIT - (whole * UNIT + part + bent)


def hash_of(backend: bytes) -> int:
    """32 bits of a backend's packed address and port."""
    return int.from_bytes(hashlib.blake2b(backend, digest_size=4).digest(), "little")


def score(flow: int, backend: int, inverse: int) -> int:
    """Of a backend for a flow, by their hashes: the least counts. Its last four bits are free."""
    return minus_log(mixed(flow ^ backend)) * inverse & ~15
