"""Ports of pods that are at a port of their host, too (Kubernetes' hostPort)."""

from collections.abc import Iterator
from ipaddress import ip_address

import msgspec

from polpo.model.port import EXPOSED, Port

UNSPECIFIED = {"0.0.0.0": False, "::": True}
"""All of the host's addresses of a family: whether IPv6's."""


class Exposed(msgspec.Struct, frozen=True, array_like=True, order=True):
    """`protocol` is "tcp" or "udp". `address` is one of the host's own; without it, all of them."""

    protocol: str
    host_port: int
    port: int
    address: str = ""

    def is_at(self, address: str) -> bool:
        """Whether it is at this address of the host."""
        six = UNSPECIFIED.get(self.address)
        if six is not None:
            return (":" in address) == six
        return self.address in ("", address)


def exposed(port: Port) -> Iterator[Exposed]:
    """Those of a port, as its profile has them."""
    for told in port.profile.get(EXPOSED, ()):
        yield msgspec.convert(told, Exposed)


def check(given: Exposed) -> None:
    """ValueError, which names what is wrong."""
    if given.protocol not in ("tcp", "udp"):
        raise ValueError(f"protocol {given.protocol!r} is not tcp or udp")
    for number in (given.host_port, given.port):
        if not 0 < number < 65536:
            raise ValueError(f"{number} is not a port, 1 to 65535")
    if given.address:
        ip_address(given.address)
