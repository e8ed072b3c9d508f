"""The row of a packet that is followed: `polpo trace --live`."""

from polpo.target.row import Row


class Probe(Row, frozen=True, omit_defaults=True, tag_field="row", tag="probe"):
    """A packet that is followed (slice `host/...`): looked for here by the end of its frame.

    ending         16 bytes, hexadecimal
    ports          ids of the ports of this host at which it is looked for
    gateways       numbers of the routers whose gateway here it may leave by
    armed          all hosts look for it: it is on its way
    sender, frame  on the host that sends it, once it is armed: from which port, and what
                   (hexadecimal)
    """

    id: str
    ending: str
    ports: tuple[str, ...] = ()
    gateways: tuple[int, ...] = ()
    armed: bool = False
    sender: str = ""
    frame: str = ""

    @property
    def key(self) -> str:
        return f"probe/{self.id}"
