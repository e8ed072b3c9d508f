"""Persistent tap devices (linux/if_tun.h): where a virtual machine's monitor plugs in."""

import fcntl
import os
import struct

from polpo.runtime import crash

TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def add_tap(name: str) -> None:
    """Make it, and have it stay when nobody has it open."""
    crash.point()
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
        fcntl.ioctl(handle, TUNSETIFF, request)
        fcntl.ioctl(handle, TUNSETPERSIST, 1)
    finally:
        os.close(handle)
