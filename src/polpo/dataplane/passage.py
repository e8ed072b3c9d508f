"""What is found out about a frame: its flow, whether its source is honest, who allows it."""

from polpo.dataplane.endpoints import link_local
from polpo.dataplane.frames import (
    ICMPV6,
    IPV6,
    TCP,
    UDP,
    Transport,
    embedded,
    parse_ethernet,
    transport_of,
)
from polpo.dataplane.knowledge import Flow, Knowledge, Where, flow_key
from polpo.dataplane.prefixes import inside
from polpo.dataplane.tables import ANY4, ANY6, Drop, State, pack_address, pack_mac
from polpo.dataplane.verdicts import Dropped
from polpo.target.rows import Port

ERRORS = {True: (1, 2, 3, 4), False: (3, 11, 12)}  # types of ICMP, of IPv6 and of IPv4
SYN, ACK, RST, FIN = 2, 16, 4, 1
Quoted = tuple[bytes, bytes, Transport]


class Passage:
    """One frame's way through the switch. `sender` is None from the overlay.

    realm                      number of the network, or, where it is routed, of the domain: whose
                               its flow is
    of_source, of_destination  networks in which rules about groups look for its ends
    sent                       of an error about what a service has sent: what its backend has
    """

    sent: Quoted | None = None

    def __init__(
        self, model: Knowledge, vni: int, came: Where, sender: Port | None, raw: bytes
    ) -> None:
        self.model, self.vni, self.came, self.sender = model, vni, came, sender
        self.raw, self.frame = raw, parse_ethernet(raw)
        self.realm = self.of_source = self.of_destination = vni
        self.secured = sender is not None and sender.port_security
        self.flow: Flow | None = None
        self.transport: Transport | None = None
        self.reply = self.judged = self.tracked = self.from_client = False
        self.exempt_sending = self.exempt_receiving = False

    def first_of_fragments(self) -> Transport:
        frame = self.frame
        key = (self.vni, frame.source, frame.destination, frame.fragment)
        if frame.later:
            if key not in self.model.fragments:
                raise Dropped(Drop.LATE_FRAGMENT)
            return self.model.fragments[key]
        transport = transport_of(frame)
        if frame.fragment:
            self.model.fragments[key] = transport
        return transport

    def exempt(self) -> None:
        """ND, MLD and DHCP clients are not for users' rules to break."""
        t, six = self.transport, self.frame.ethertype == IPV6
        assert t is not None
        if self.frame.icmp and six and (130 <= t.kind <= 137 or t.kind == 143):
            self.exempt_sending = self.exempt_receiving = True
        client, server = (546, 547) if six else (68, 67)
        if t.protocol == UDP:
            ports = t.source_port, t.destination_port
            self.exempt_sending = ports == (client, server)
            self.exempt_receiving = ports == (server, client)

    def find_flow(self, t: Transport) -> None:
        if self.frame.icmp and not t.echo:
            return
        self.tracked = True
        key = flow_key(self.realm, self.frame.source, self.frame.destination, t)
        flow = self.model.flows.get(key)
        if flow and self._begins_anew(flow, t):
            flow = None
        if flow is None and t.echo < 0:
            self.tracked = False
            return
        self.flow = flow or Flow(self.frame.source, self.frame.destination, t)
        self.reply = self._is_reply(self.flow, self.frame.source, t.source_port, t.echo < 0)

    def _begins_anew(self, flow: Flow, t: Transport) -> bool:
        ended = State.RESET | State.FIN_SENT | State.FIN_REPLIED | State.REVOKED
        syn = t.protocol == TCP and t.flags & (SYN | ACK | RST | FIN) == SYN
        return syn and bool(flow.state & ended)

    def _is_reply(self, flow: Flow, source: bytes, port: int, answers: bool) -> bool:
        if flow.transport.echo:
            return answers
        return (source, port) != (flow.source, flow.transport.source_port)

    @property
    def is_error(self) -> bool:
        frame, t = self.frame, self.transport
        return t is not None and frame.icmp and t.kind in ERRORS[frame.ethertype == IPV6]

    def quoted(self) -> Quoted | None:
        """Source, destination and layer 4 of the packet that an ICMP error is about."""
        six, body = self.frame.ethertype == IPV6, self.frame.body
        if self.frame.later or len(body) < 8 + (40 if six else 20) + 8:
            return None
        return embedded(six, body[8:])

    def find_related(self) -> None:
        """The flow that an ICMP error is about; the error goes against the packet in it."""
        inner = self.sent or self.quoted()
        if inner is None:
            return
        source, destination, t = inner
        self.flow = self.model.flows.get(flow_key(self.realm, source, destination, t))
        if self.flow:
            self.reply = not self._is_reply(self.flow, source, t.source_port, t.echo < 0)
            turn = self.flow.turn
            self.from_client = turn is not None and turn.client != (source, t.source_port)

    def vet_source(self) -> None:
        kind = self.claim(self.frame.source_mac, self.frame.source)
        if kind is None:
            known = self.claim(self.frame.source_mac, ANY6) is not None
            raise Dropped(Drop.SPOOFED_ADDRESS if known else Drop.SPOOFED_MAC)
        if kind == "mac" and not self.exempt_sending:
            raise Dropped(Drop.SPOOFED_ADDRESS)

    def vet_service(self) -> None:
        t, six = self.transport, self.frame.ethertype == IPV6
        assert t is not None
        if t.protocol == UDP and t.source_port == (547 if six else 67):
            raise Dropped(Drop.DHCP_SERVER)
        if six and t.protocol == ICMPV6 and t.kind in (134, 137):
            raise Dropped(Drop.ROUTER_ADVERTISEMENT)

    def claim(self, mac: bytes, address: bytes) -> str | None:
        """What the sending port may say: `fixed`, `pair`, `mac` (no address), None for nothing."""
        port = self.sender
        assert port is not None
        own = pack_mac(port.mac)
        fixed = {pack_address(lease.address) for lease in port.leases} | {link_local(own)}
        if mac == own and address in fixed:
            return "fixed"
        if address in (ANY4, ANY6) and mac in {own, *(pack_mac(p.mac) for p in port.pairs)}:
            return "mac"
        covered = (pack_mac(p.mac) == mac and inside(address, p.prefix) for p in port.pairs)
        return "pair" if any(covered) else None

    def may(self, port: Port, ingress: bool) -> bool:
        t = self.transport
        if t is None:
            return False
        flow, vni = self.flow, self.of_source if ingress else self.of_destination
        if flow is None or port.policy not in self.model.policies:
            remote = self.frame.source if ingress else self.frame.destination
            return self.model.allows(port, ingress, remote, t, vni)
        self.judged = True
        original = ingress != self.reply
        remote = flow.source if original else flow.destination
        allowed = self.model.allows(port, original, remote, flow.transport, vni)
        flow.state |= State(0) if allowed else State.REVOKED
        return allowed

    def remember(self) -> None:
        flow, t = self.flow, self.transport
        if not (flow and t and self.judged and self.tracked):
            return
        flow.state &= ~State.REVOKED
        flow.state |= State.REPLIED if self.reply else State(0)
        if t.protocol == TCP and t.flags & FIN:
            flow.state |= State.FIN_REPLIED if self.reply else State.FIN_SENT
        if t.protocol == TCP and t.flags & RST:
            flow.state |= State.RESET
        key = flow_key(self.realm, flow.source, flow.destination, flow.transport)
        self.model.flows[key] = flow
