"""The last word of a keepalived that could not say it: the peer is active within some milliseconds.

Who is killed leaves its addresses, and traffic goes on; but the next one that begins there takes
them away, long before silence has told the peer (docs/decisions/0134).
"""

import contextlib
import socket
import struct

from polpo.agent.pairs import transit
from polpo.dataplane.frames import checksum
from polpo.kernel import netns

VRRP = 112  # protocol number
HOPS = 255  # RFC 9568, 5.1.1.3
_HEADER = struct.Struct("!BBBBHH")
_PSEUDO = struct.Struct("!4s4sBBH")


def say(namespace: str, instance: int, advertisement_s: float) -> None:
    """To the instance's peer; whether it hears is not known. Nothing happens if nobody is there."""
    ends = transit.address(4, instance), transit.address(4, transit.peer(instance))

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOPS)
            sock.bind((ends[0], 0))
            sock.sendto(farewell(*ends, advertisement_s), (ends[1], 0))

    with contextlib.suppress(OSError):  # the namespace may have gone, too
        netns.inside(namespace, send)


def farewell(source: str, destination: str, advertisement_s: float) -> bytes:
    """An advertisement of priority 0 (RFC 9568, 5.2), as keepalived sends it by vrrp.py's words."""
    interval = round(100 * advertisement_s)
    address = socket.inet_aton(transit.ACTIVE[4])
    unsigned = _HEADER.pack(3 << 4 | 1, 1, 0, 1, interval, 0) + address
    ends = socket.inet_aton(source), socket.inet_aton(destination)
    check = checksum(_PSEUDO.pack(*ends, 0, VRRP, len(unsigned)) + unsigned)
    return unsigned[:6] + check + unsigned[8:]
