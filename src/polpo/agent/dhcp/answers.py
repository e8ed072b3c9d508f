"""What becomes of a question, and of what the answers to it are."""

import enum

import msgspec

LEASE_S = 86400
"""How long an address is given for: Neutron's `dhcp_lease_duration`. It is the port's as long as
the port has it; a lease's end only has the client ask whether something has changed."""


class Outcome(enum.StrEnum):
    """For the metrics."""

    ANSWERED = "answered"
    NOTED = "noted"  # a release: there is nothing to say
    DECLINED = "declined"  # the client says that somebody else has its address
    REFUSED = "refused"  # not ours to answer: for another server, of another client
    MALFORMED = "malformed"


class Answer(msgspec.Struct, frozen=True):
    """`frames` go back to the port that asked."""

    outcome: Outcome
    frames: tuple[bytes, ...] = ()


REFUSED = Answer(Outcome.REFUSED)
NOTED = Answer(Outcome.NOTED)
DECLINED = Answer(Outcome.DECLINED)
