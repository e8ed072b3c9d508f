"""What is asked, and what is answered."""

from enum import StrEnum

import msgspec


class Question(msgspec.Struct, frozen=True):
    """A packet from a port (its id) to an address, in canonical form.

    `protocol` is IP's number; `number` the destination port, where the protocol has ports.
    """

    port: str
    to: str
    protocol: int
    number: int = 0


class Kind(StrEnum):
    """What happens in a step."""

    PORT = "port"  # it leaves a port
    STACK = "next hop"  # the workload's own routing
    RULE = "rule"  # a security group's, that lets it pass
    ROUTE = "route"  # by a router
    NAT = "nat"
    TUNNEL = "tunnel"  # to another host
    GATEWAY = "gateway"
    DELIVER = "deliver"
    ANSWER = "answer"
    LEAVE = "leave"  # the cloud, for the outside
    DROP = "drop"


class Thing(msgspec.Struct, frozen=True):
    """An object of the model, or a host (its id is its name)."""

    kind: str
    id: str


class Step(msgspec.Struct, frozen=True):
    """`text` goes on from the name of what it is `about`.

    host  where it happens
    vni   the number of the network that the packet goes on in, where that is said
    """

    kind: Kind
    text: str
    about: Thing | None = None
    host: str = ""
    vni: int = 0


class Start(msgspec.Struct, frozen=True):
    """How the workload sends it: destination and source MAC, its address, the host it is on."""

    macs: bytes
    source: str
    host: str


class Trace(msgspec.Struct, frozen=True):
    """All steps; the last one is the verdict. `reason` is why it was dropped, a word.

    `start` is None if it never gets to a switch.
    """

    steps: tuple[Step, ...]
    reason: str = ""
    start: Start | None = None

    @property
    def verdict(self) -> str:
        return VERDICTS[self.steps[-1].kind]


VERDICTS = {
    Kind.DELIVER: "delivered",
    Kind.ANSWER: "answered",
    Kind.LEAVE: "left",
    Kind.DROP: "dropped",
}
