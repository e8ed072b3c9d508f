"""The usual query, looked at only as far as whoever hands it on has to."""

from __future__ import annotations

from polpo.dns.wire.render import SMALLEST_SIZE

_OPT_BYTES = 11
# Where the question ends, its type, DO, and the size of what the asker takes.
Glance = tuple[int, int, bool, int]


def glance(message: bytes) -> Glance | None:
    """None if anything is not as usual: an opcode, a class, EDNS options, what is malformed."""
    if len(message) < 17 or message[2] & 0xF8 or message[4:11] != b"\0\1\0\0\0\0\0":
        return None
    end = len(message)
    size, dnssec_ok = SMALLEST_SIZE, False
    if message[11]:
        end -= _OPT_BYTES
        opt = message[end:]
        if message[11] > 1 or end < 17 or opt[:3] != b"\0\0\x29" or opt[6] or opt[9:] != b"\0\0":
            return None
        size, dnssec_ok = max(opt[3] << 8 | opt[4], size), opt[7] > 127
    at, last = 12, end - 5
    while at < last:
        length = message[at]
        if not 0 < length < 64:
            return None
        at += length + 1
    if at != last or message[at] or message[at + 3 : end] != b"\0\1" or at > 266:
        return None
    return end, message[at + 1] << 8 | message[at + 2], dnssec_ok, size
