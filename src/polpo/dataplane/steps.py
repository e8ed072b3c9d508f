"""What the model has done on the way to a verdict, told to whoever wants to know."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from polpo.dataplane.frames import Transport
from polpo.dataplane.tables import Drop


class Judged(msgspec.Struct, frozen=True):
    """The policy of a port was asked about a remote (16 bytes) in some groups.

    `ingress`: whether its rules for what comes in were; `what` is the packet that began it.
    """

    port: str
    ingress: bool
    remote: bytes
    groups: tuple[str, ...]
    what: Transport
    allowed: bool


class Routed(msgspec.Struct, frozen=True):
    """A router has found where to send a packet: to an address (16 bytes) in a network.

    `prefix` as a route has it, or, where the destination is on its link, as an interface's address.
    """

    router: int
    prefix: str
    port: str  # of the interface
    vni: int
    next_hop: bytes


class Stopped(msgspec.Struct, frozen=True):
    """A packet has come to its end at a router: it is for the router itself, or goes no further."""

    router: int
    reason: Drop


Step: TypeAlias = Judged | Routed | Stopped
Recorder: TypeAlias = Callable[[Step], None]


def unheard(_step: Step) -> None:
    """Nobody wants to know."""
