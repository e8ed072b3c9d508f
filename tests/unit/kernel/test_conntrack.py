"""What conntrack shows (taken from Linux 6.18) is read as it is meant, in either of two ways."""

import socket

from polpo.kernel import conntrack
from polpo.kernel.conntrack import Connection

FORWARDED = bytes.fromhex(  # TCP: 203.0.113.9:80, asked by itself, is 127.0.0.1:8080
    "02000000340001801400018008000100cb00710908000200cb0071091c000280050001000600000006000200"
    "d218000006000300005000003400028014000180080001007f00000108000200cb0071091c00028005000100"
    "06000000060002001f90000006000300d2180000"
)
PING = bytes.fromhex(
    "020000003c00018014000180080001007f000001080002007f00000124000280050001000100000006000400"
    "55080000050005000800000005000600000000003c00028014000180080001007f000001080002007f000001"
    "240002800500010001000000060004005508000005000500000000000500060000000000"
)
IPV6 = bytes.fromhex(
    "0a0000004c0001802c0001801400030000000000000000000000000000000001140004000000000000000000"
    "00000000000000011c0002800500010011000000060002001388000006000300003500004c0002802c000180"
    "1400030000000000000000000000000000000001140004000000000000000000000000000000000"
    "11c0002800500010011000000060002000035000006000300138800000800030000000188"
)


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def test_a_translated_connection() -> None:
    own, inner = packed("203.0.113.9"), packed("127.0.0.1")
    found = Connection(6, own, own, port=80, answers=inner, answers_port=8080, answered=own)
    assert conntrack.parse(FORWARDED) == found


def test_one_attribute_more_anywhere_changes_nothing() -> None:
    zone = bytes.fromhex("0600120000010000")
    assert conntrack.parse(FORWARDED[:4] + zone + FORWARDED[4:]) == conntrack.parse(FORWARDED)


def test_one_without_ports() -> None:
    here = packed("127.0.0.1")
    assert conntrack.parse(PING) == Connection(1, here, here, 0, here, 0, here)


def test_ipv6() -> None:
    here = packed("::1")
    assert conntrack.parse(IPV6) == Connection(17, here, here, 53, here, 53, here)
