"""A port forwarding, as a gateway's row has it."""

import msgspec


class Forwarding(msgspec.Struct, frozen=True, array_like=True):
    """Ports first..last of a floating address are `port` and those after it of a fixed one.

    `protocol` is an IP protocol's name in lower case: tcp, udp, sctp, dccp or udplite.
    `one`: all of them are the one `port`.
    """

    floating: str
    protocol: str
    first: int
    last: int
    fixed: str
    port: int
    one: bool = False
