"""What a port of a host was not to send, or to receive: a sample, for people."""

import msgspec


class Denial(msgspec.Struct, frozen=True, array_like=True):
    """Packets of one kind, in the direction of who began to speak.

    port       id of the port that denied it; `direction` is from its view
    reason     why, as drops are counted
    number     destination port, or for ICMP type << 8 | code; 0 where there is none
    vni        number of the network in which the other end is known, 0 for nowhere
    at, count  the last one (unix seconds, the host's clock), and how many were seen in all
    """

    port: str
    direction: str
    reason: str
    source: str
    destination: str
    protocol: int
    number: int
    vni: int
    at: float
    count: int = 1
