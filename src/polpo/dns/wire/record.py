"""A resource record and a reply, the values that plugins hand to the server."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Type(IntEnum):
    """Types that the server builds itself (RFC 1035, 3596, 2782, 6891); others pass as numbers."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    HINFO = 13
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    OPT = 41
    IXFR = 251
    AXFR = 252
    ANY = 255


class Rcode(IntEnum):
    """Response codes (RFC 1035 4.1.1, 2136 2.2, 6891 9)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16


class Record(NamedTuple):
    """One record of class IN.

    `owner` is a name in wire form (length-prefixed labels, uncompressed, ending in the root's zero
    byte), lower-case for records that polpo makes; `type` a number; `ttl_s` seconds; `data` the
    RDATA, its names uncompressed.
    """

    owner: bytes
    type: int
    ttl_s: int
    data: bytes


class Reply(NamedTuple):
    """What a plugin answers; the server makes the message of it (ID, flags, EDNS, size).

    `about` are the owner names (wire form, lower-case) whose change makes a kept copy of this
    reply wrong; `plugin` is the label of the metrics; `ttl_s` for how long the server may keep what
    it made of this reply (0: as long as nothing of `about` changes); `shuffled`, if any, the answer
    in several orders, to be given in turn; `flags_on` and `flags_off` bits of the header that are
    otherwise than the server would have them; `options` EDNS options (code, data), for who speaks
    EDNS. A negative `rcode` means that nobody is answered.

    A reply with a `message` is an upstream's, not looked into yet: sections are empty, and whoever
    wants records asks `message.opened(reply)`. A plugin that changes anything does so on that.
    """

    rcode: int = Rcode.NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    about: tuple[bytes, ...] = ()
    plugin: str = ""
    recursion_available: bool = False
    authentic: bool = False
    ttl_s: int = 0
    message: bytes = b""
    shuffled: tuple[tuple[Record, ...], ...] = ()
    flags_on: int = 0
    flags_off: int = 0
    options: tuple[tuple[int, bytes], ...] = ()
