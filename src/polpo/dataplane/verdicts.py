"""What becomes of a frame."""

import msgspec

from polpo.dataplane.tables import Drop


class Verdict(msgspec.Struct, frozen=True):
    """One of the first seven fields is set; both `drop` and `answer` when a router says why.

    `frame`: how it leaves, if it was changed; `vni`, of a routed packet: in which network.
    """

    drop: Drop | None = None
    port: int | None = None  # ifindex it was given to
    host: str | None = None  # VTEP it was tunnelled to
    answer: bytes | None = None  # the switch's own reply, to the asking port
    copies: int | None = None  # a broadcast: how many were sent
    asked: bytes | None = None  # what the agent was handed
    call: bytes | None = None  # as it goes to the metadata service
    frame: bytes | None = None
    vni: int | None = None


class Dropped(Exception):
    def __init__(self, reason: Drop) -> None:
        self.reason = reason
