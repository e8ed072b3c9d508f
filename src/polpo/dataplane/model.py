"""The switch in plain Python: the same rules over target rows instead of tables.

Tests give the same frames to this and to the kernel's, and compare. Nothing here is fast, or
knows of time: flows do not expire, and policies are asked for every packet.
"""

import msgspec

from polpo.dataplane.endpoints import link_local
from polpo.dataplane.frames import (
    ARP,
    ICMPV6,
    IPV4,
    IPV6,
    TCP,
    UDP,
    Malformed,
    Transport,
    advertisement,
    embedded,
    parse,
    transport_of,
)
from polpo.dataplane.knowledge import Flow, Knowledge, Where, flow_key, inside
from polpo.dataplane.marking import marked
from polpo.dataplane.tables import ANY4, ANY6, Drop, PortFlag, State, pack_address, pack_mac
from polpo.target.rows import Port


class Verdict(msgspec.Struct, frozen=True):
    """What became of a frame; exactly one of the others is set besides `frame`."""

    drop: Drop | None = None
    port: int | None = None  # ifindex it was given to
    host: str | None = None  # VTEP it was tunnelled to
    answer: bytes | None = None  # the switch's own reply, to the asking port
    copies: int | None = None  # a broadcast: how many were sent
    asked: bytes | None = None  # what the agent was handed
    frame: bytes | None = None  # besides port, host or copies: as it leaves, if it was changed


class Dropped(Exception):
    def __init__(self, reason: Drop) -> None:
        self.reason = reason


OPCODES = (b"\0\1", b"\0\2")
KINDS = {True: (1, 2, 3, 4), False: (3, 11, 12)}  # ICMP errors, of IPv6 and of IPv4
SYN, ACK, RST, FIN = 2, 16, 4, 1


def _verdict(passage: "Passage", frame: bytes) -> Verdict:
    try:
        return passage.take(frame)
    except Malformed:
        return Verdict(drop=Drop.MALFORMED)
    except Dropped as dropped:
        return Verdict(drop=dropped.reason)


class Passage:
    """One frame's way through the switch. `sender` is None from the overlay."""

    def __init__(self, model: Knowledge, vni: int, came: Where, sender: Port | None) -> None:
        self.model, self.vni, self.came, self.sender = model, vni, came, sender
        self.secured = sender is not None and sender.port_security
        self.flow: Flow | None = None
        self.transport: Transport | None = None
        self.reply = self.judged = self.tracked = False
        self.exempt_sending = self.exempt_receiving = False

    def take(self, raw: bytes) -> Verdict:
        frame, self.raw = parse(raw), raw
        self.frame = frame
        if frame.ethertype == ARP:
            return self.arp(raw[14:42])
        if frame.ethertype not in (IPV4, IPV6):
            if self.secured:
                raise Dropped(Drop.ETHERTYPE)
            return self.forward()
        self.transport = self.first_of_fragments()
        self.exempt()
        if frame.icmp and frame.ethertype == IPV6 and 133 <= self.transport.kind <= 137:
            return self.nd()
        return self.ip()

    # layer 4

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

    # IP

    def ip(self) -> Verdict:
        t = self.transport
        assert t is not None
        if not self.frame.multicast:
            if self.frame.icmp and t.kind in KINDS[self.frame.ethertype == IPV6]:
                self.find_related()
            elif not self.exempt_sending and not self.exempt_receiving:
                self.find_flow(t)
        if self.secured:
            self.leave()
        return self.asked() or self.forward_marked()

    def forward_marked(self) -> Verdict:
        """With the DSCP of the sender's QoS policy."""
        if self.sender is None or self.sender.dscp is None:
            return self.forward()
        came, self.raw = self.raw, marked(self.raw, self.sender.dscp)
        verdict = self.forward()
        return verdict if self.raw == came else msgspec.structs.replace(verdict, frame=self.raw)

    def asked(self) -> Verdict | None:
        """DHCP and router solicitations are for the agent, where the network has them."""
        t, six = self.transport, self.frame.ethertype == IPV6
        assert t is not None
        ports = t.protocol, t.source_port, t.destination_port
        questions = {
            PortFlag.ASKS_DHCPV4: not six and ports == (UDP, 68, 67),
            PortFlag.ASKS_DHCPV6: six and ports == (UDP, 546, 547),
            PortFlag.ASKS_ROUTER: six and t.protocol == ICMPV6 and t.kind == 133,
        }
        answered = self.model.answered(self.vni) if self.sender else set()
        return Verdict(asked=self.raw) if any(questions[a] for a in answered) else None

    def find_flow(self, t: Transport) -> None:
        if self.frame.icmp and not t.echo:
            return
        self.tracked = True
        key = flow_key(self.vni, self.frame.source, self.frame.destination, t)
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

    def find_related(self) -> None:
        """The flow that an ICMP error is about; the error goes against the packet in it."""
        six, body = self.frame.ethertype == IPV6, self.frame.body
        if self.frame.later or len(body) < 8 + (40 if six else 20) + 8:
            return
        inner = embedded(six, body[8:])
        if inner is None:
            return
        source, destination, t = inner
        self.flow = self.model.flows.get(flow_key(self.vni, source, destination, t))
        if self.flow:
            self.reply = not self._is_reply(self.flow, source, t.source_port, t.echo < 0)

    def leave(self) -> None:
        self.vet_source()
        self.vet_service()
        assert self.sender is not None
        if not self.exempt_sending and not self.may(self.sender, ingress=False):
            raise Dropped(Drop.EGRESS_POLICY)

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
        if t is None or port.policy not in self.model.policies:
            return False
        flow = self.flow
        if flow is None:
            remote = self.frame.source if ingress else self.frame.destination
            return self.model.allows(port.policy, ingress, remote, t, self.vni)
        self.judged = True
        original = ingress != self.reply
        remote = flow.source if original else flow.destination
        allowed = self.model.allows(port.policy, original, remote, flow.transport, self.vni)
        flow.state |= State(0) if allowed else State.REVOKED
        return allowed

    # delivery

    def forward(self) -> Verdict:
        if self.frame.multicast:
            return self.flood()
        where = self.model.where(self.vni, self.frame.destination_mac)
        if where is None or (not where.ifindex and self.sender is None):
            raise Dropped(self.nowhere())
        if where.ifindex:
            return self.enter(where.ifindex)
        self.remember()
        return Verdict(host=where.vtep)

    def nowhere(self) -> Drop:
        carried = self.sender is not None or self.vni in self.model.networks
        return Drop.UNKNOWN_DESTINATION if carried else Drop.UNKNOWN_VNI

    def enter(self, ifindex: int) -> Verdict:
        if ifindex == self.came.ifindex:
            raise Dropped(Drop.HAIRPIN)
        port = self.model.ports.get(ifindex)
        if port is None or not port.admin_up:
            raise Dropped(Drop.DESTINATION_DOWN)
        if not self.lets_in(port):
            raise Dropped(Drop.INGRESS_POLICY)
        self.remember()
        return Verdict(port=ifindex)

    def lets_in(self, port: Port) -> bool:
        if not port.port_security or self.exempt_receiving:
            return True
        return self.may(port, ingress=True)

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
        key = flow_key(self.vni, flow.source, flow.destination, flow.transport)
        self.model.flows[key] = flow

    def flood(self) -> Verdict:
        if self.sender is None and self.vni not in self.model.networks:
            raise Dropped(Drop.UNKNOWN_VNI)
        ports = {i: p for i, p in self.model.ports.items() if p.vni == self.vni and p.admin_up}
        ports.pop(self.came.ifindex, None)
        copies = sum(self.lets_in(port) for port in ports.values())
        if self.sender is not None:
            hosts = {row.host_address for row in self.model.endpoints(self.vni)}
            copies += len(hosts - {self.model.vtep})
        return Verdict(copies=copies)

    # ARP and ND

    def arp(self, body: bytes) -> Verdict:
        self.exempt_receiving = True
        if len(body) < 28 or body[:6] != bytes.fromhex("000108000604") or body[6:8] not in OPCODES:
            raise Malformed
        asks = body[7] == 1
        sender_mac, sender, target = body[8:14], ANY4[:12] + body[14:18], ANY4[:12] + body[24:28]
        kind = self.vet_neighbour(sender_mac, sender, asks)
        if not asks or sender == target:
            if kind == "pair" and not (self.sender is None and sender == ANY4):
                self.model.learn(self.vni, sender, sender_mac, self.came)
            return self.forward()
        mac = self.answerable(target)
        if mac is None:
            return self.forward()
        head = sender_mac + mac + bytes.fromhex("0806000108000604") + b"\0\2"
        return Verdict(answer=head + mac + target[12:] + sender_mac + sender[12:])

    def vet_neighbour(self, mac: bytes, address: bytes, asks: bool) -> str:
        if not self.secured:
            return "pair"
        if self.claim(self.frame.source_mac, ANY6) is None:
            raise Dropped(Drop.SPOOFED_MAC)
        kind = self.claim(mac, address)
        if kind is None or (kind == "mac" and not asks):
            raise Dropped(Drop.SPOOFED_NEIGHBOUR)
        return kind

    def answerable(self, target: bytes) -> bytes | None:
        neighbour = self.model.neighbour(self.vni, target) if self.sender else None
        if neighbour is None or neighbour[0] == self.frame.source_mac:
            return None
        return neighbour[0]

    def nd(self) -> Verdict:
        t, body = self.transport, self.frame.body
        assert t is not None
        if self.frame.hop_limit != 255 or self.frame.fragment:
            raise Malformed
        if t.kind in (135, 136) and len(body) < 24:
            raise Malformed
        if self.secured:
            self.vet_source()
            self.vet_service()
        if t.kind == 136:
            self.advertised(body)
        if asked := self.asked():
            return asked
        mac = self.answerable(body[8:24]) if t.kind == 135 else None
        if mac is None:
            return self.forward_marked()
        return Verdict(answer=advertisement(self.frame, body[8:24], mac))

    def advertised(self, body: bytes) -> None:
        option = body[24:32]
        given = len(option) == 8 and option[:2] == b"\2\1"
        mac = option[2:] if given else self.frame.source_mac
        kind = self.claim(mac, body[8:24]) if self.secured else "pair"
        if kind not in ("fixed", "pair"):
            raise Dropped(Drop.SPOOFED_NEIGHBOUR)
        if kind == "pair":
            self.model.learn(self.vni, body[8:24], mac, self.came)


class Model(Knowledge):
    """One host's switch."""

    def from_port(self, ifindex: int, frame: bytes) -> Verdict:
        port = self.ports.get(ifindex)
        if port is None:
            return Verdict(drop=Drop.UNKNOWN_PORT)
        if not port.admin_up:
            return Verdict(drop=Drop.ADMIN_DOWN)
        return _verdict(Passage(self, port.vni, Where(ifindex), port), frame)

    def from_overlay(self, vni: int, vtep: str, frame: bytes) -> Verdict:
        if vtep not in self.hosts:
            return Verdict(drop=Drop.UNKNOWN_VTEP)
        return _verdict(Passage(self, vni, Where(vtep=vtep), None), frame)
