"""What clients say of what services have sent, in the model: an ICMP error is for the backend."""

from msgspec.structs import replace

from polpo.dataplane.frames import TCP, UDP, Transport
from polpo.dataplane.held import Held
from polpo.dataplane.served import Served
from polpo.dataplane.turned import Turn
from polpo.dataplane.verdicts import Dropped


class ServedErrors(Served):
    """`sent`, once the backend is known: what the error quotes, as the backend has sent it."""

    def serve_error(self) -> None:
        frame = self.frame
        if not self.sender or frame.multicast or not self.is_error:
            return
        where = self.model.where(self.vni, frame.destination_mac)
        router = where.router if where else 0
        asked = self.asks()
        held = self.model.service(self.vni, router, *asked) if asked else None
        if held:
            self.error_served_by(held, router)

    def asks(self) -> tuple[Transport, bytes] | None:
        """What the client had asked, and of whom; None if what is quoted is no answer."""
        quoted = self.quoted() if self.is_error else None
        if quoted is None or quoted[0] != self.frame.destination:
            return None
        source, _, t = quoted
        if t.protocol not in (TCP, UDP):
            return None
        return replace(t, source_port=t.destination_port, destination_port=t.source_port), source

    def error_served_by(self, held: Held, router: int) -> bool:
        quoted, t = self.quoted(), self.transport
        assert quoted is not None
        assert t is not None
        service, client, said = quoted
        ends = client, service, said.protocol, said.destination_port, said.source_port
        chosen = self.model.chosen.get((self.vni, *ends))
        if chosen is None or chosen.address in (client, self.frame.source):
            return False
        guest = replace(self.guest, address=client) if self.guest else None
        self.asked_of = Turn(service, said.source_port, said.destination_port, guest=guest)
        if held.keeps:
            self.inner = None
        try:
            self.aim(held, chosen, router, t)
        except Dropped:
            return False
        seen = self.frame.source if self.inner else client
        said = replace(said, source_port=chosen.port, destination_port=chosen.source_port)
        self.sent = chosen.address, seen, said
        return True
