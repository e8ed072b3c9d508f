"""What the switch's model does about one frame: checks, ways, delivery, ARP and ND."""

from collections.abc import Callable

from msgspec.structs import replace

from polpo.dataplane.calls import Caller, called, calls
from polpo.dataplane.frames import (
    ARP,
    ICMPV6,
    IPV4,
    IPV6,
    UDP,
    Malformed,
    Transport,
    advertisement,
    parse_packet,
)
from polpo.dataplane.knowledge import Where
from polpo.dataplane.marking import marked
from polpo.dataplane.prefixes import inside, is_loopback
from polpo.dataplane.routed_frames import echoed, forwarded, is_routed, is_told, told, voice
from polpo.dataplane.router_model import RouterModel, addresses_of
from polpo.dataplane.served_errors import ServedErrors
from polpo.dataplane.steps import Stopped
from polpo.dataplane.tables import ANY4, ANY6, Drop, PortFlag, pack_mac
from polpo.dataplane.turned import Turn, turned_back
from polpo.dataplane.verdicts import Dropped, Verdict
from polpo.dataplane.ways import Walk, Way, home
from polpo.target.rows import Port

OPCODES = (b"\0\1", b"\0\2")


class Forwarding(ServedErrors):
    """What is done about a frame."""

    way: Way | None = None
    came_from: RouterModel | None = None  # of another host, which has routed it

    def take(self) -> Verdict:
        frame = self.frame
        if is_routed(frame.source_mac):
            self.vet_router()
        parse_packet(frame, self.raw[14:])
        if frame.ethertype == ARP:
            return self.arp(self.raw[14:42])
        if frame.ethertype not in (IPV4, IPV6):
            if self.secured:
                raise Dropped(Drop.ETHERTYPE)
            return self.forward()
        self.transport = self.first_of_fragments()
        self.exempt()
        if frame.icmp and frame.ethertype == IPV6 and 133 <= self.transport.kind <= 137:
            return self.nd()
        if self.sender and not self.sender.host_of and is_loopback(frame.destination):
            raise Malformed
        return self.ip(self.transport)

    def vet_router(self) -> None:
        """Only routers of other hosts may say that they have routed, and to their networks."""
        frame = self.frame
        router = self.model.routers.get(int.from_bytes(frame.source_mac[3:], "big"))
        routable = frame.ethertype in (IPV4, IPV6) and not frame.multicast
        if self.sender or not routable or router is None:
            raise Dropped(Drop.SPOOFED_MAC)
        if router.interface(self.vni, frame.ethertype == IPV6) is None:
            raise Dropped(Drop.SPOOFED_MAC)
        self.came_from = router

    # IP

    def ip(self, t: Transport) -> Verdict:
        call = self.sender and self.sender.instance and calls(self.frame, t, self.raw)
        if not call:
            t = self.serve(t)
            self.serve_error()
            if came_round := self.round(t):
                if self.secured:
                    self.vet_source()
                return Verdict(answer=came_round)
            self.find_way(t)
        if not self.frame.multicast:
            if self.is_error:
                self.find_related()
            elif not self.exempt_sending and not self.exempt_receiving:
                self.find_flow(t)
        self.leave()
        if turn := self.asked_by_guest(t):
            return self.as_marked(lambda: self.answer_guest(turn, t))
        if not self.refused and not (self.way and self.way.reason):
            self.note_turn(t)
        if call:
            return self.as_marked(lambda: self.call(t))
        return self.asked() or self.as_marked(lambda: self.go(t))

    def asked_by_guest(self, t: Transport) -> Turn | None:
        """It is an answer to a guest that has kept its address, which is in no network."""
        turn = self.flow.turn if self.flow else None
        if not (self.sender and self.way and turn and turn.guest) or self.next_mac is not None:
            return None
        elsewhere = self.frame.destination != turn.guest.address
        return None if elsewhere or self._from_client(turn, t) else turn

    def answer_guest(self, turn: Turn, t: Transport) -> Verdict:
        self.remember()
        assert turn.guest is not None
        frame = turned_back(self.raw, self.frame, t, turn)
        return Verdict(port=turn.guest.device, frame=turn.guest.macs + frame[12:])

    def go(self, t: Transport) -> Verdict:
        """What becomes of a packet that may leave."""
        if self.way:
            return self.follow(self.way, t)
        if self.refused == Drop.NO_BACKEND and is_told(self.frame, t):
            service = self.frame.destination
            answer = told(self.raw, self.frame, t, Drop.NO_BACKEND, service, 0)
            return Verdict(drop=self.refused, answer=answer)
        if self.refused:
            raise Dropped(self.refused)
        return self.forward()

    def call(self, t: Transport) -> Verdict:
        """To the metadata service."""
        frame, ifindex, six = self.frame, self.came.ifindex, self.frame.ethertype == IPV6
        who = Caller(frame.source, frame.source_mac, frame.destination_mac)
        self.model.callers[ifindex, t.source_port, six] = who
        return Verdict(call=called(self.raw, six, ifindex))

    def as_marked(self, forward: Callable[[], Verdict]) -> Verdict:
        """What becomes of the packet with the DSCP of the sender's QoS policy."""
        came, dscp = self.raw, self.sender.dscp if self.sender else None
        if dscp is not None:
            self.raw = marked(came, dscp)
        verdict = forward()
        as_it_is = (
            self.raw == came or verdict.drop or verdict.answer or verdict.call or verdict.frame
        )
        return verdict if as_it_is else replace(verdict, frame=self.raw)

    def find_way(self, t: Transport) -> None:
        """Of a packet for a router, or from one."""
        frame = self.frame
        if self.came_from:
            self.realm = self.came_from.row.domain
            self.of_source = home(self.model, self.came_from, frame.source)
        aim = self.next_mac or frame.destination_mac
        where = self.model.where(self.vni, aim) if self.sender and not self.refused else None
        if where and where.router:
            router = self.model.routers[where.router]
            walk = Walk(self.model, router, self.vni, frame)
            self.way = walk.go(t, len(self.raw) - 14)
            self.realm, self.of_destination = router.row.domain, self.way.network

    def leave(self) -> None:
        """What is asked of a sender."""
        if self.secured:
            self.vet_source()
        if self.way and not self.way.local:
            self.vet_way_back(self.way.first)
        if self.secured and self.sender:
            self.vet_service()
            if not self.exempt_sending and not self.may(self.sender, ingress=False):
                raise Dropped(Drop.EGRESS_POLICY)

    def vet_way_back(self, router: RouterModel) -> None:
        """The router would send to the source by way of the network that it sends from."""
        back = router.find(self.frame.source)
        if (
            inside(self.frame.source, "fe80::/10")
            or back is None
            or self.vni not in [hop.vni for hop in back.hops]
        ):
            self.model.record(Stopped(router.row.vni, Drop.REVERSE_PATH))
            raise Dropped(Drop.REVERSE_PATH)

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

    # delivery

    def forward(self, announces: bool = False) -> Verdict:
        """Within its network. `announces`: an address has moved, and all must know who need it."""
        if self.frame.multicast:
            hosts = self.model.hosts_told(self.vni) if announces else None
            return self.flood(hosts)
        where = self.model.where(self.vni, self.next_mac or self.frame.destination_mac)
        if where is None or where.router or (where.vtep and self.sender is None):
            raise Dropped(self.nowhere())
        verdict = self.send(where)
        if verdict.port and (to_guest := self.for_guest(self.as_seen(self.raw, verdict))):
            return to_guest
        if self.came_from:
            interface = self.came_from.interface(self.vni, self.frame.ethertype == IPV6)
            assert interface is not None
            frame = self.raw[:6] + pack_mac(interface.mac) + self.raw[12:]
            return replace(verdict, frame=self.as_seen(frame, verdict), vni=self.vni)
        seen = self.as_seen(self.raw, verdict)
        return verdict if seen == self.raw else replace(verdict, frame=seen)

    def as_seen(self, frame: bytes, verdict: Verdict) -> bytes:
        """With the ends that the receiver knows, where it is about a service."""
        if self.transport is None:
            return frame
        back = verdict.port and self.next_mac is None
        return (self.turn_back if back else self.turn)(frame, self.transport)

    def send(self, where: Where) -> Verdict:
        if where.ifindex:
            return self.enter(where.ifindex)
        self.remember()
        return Verdict(host=where.vtep)

    def follow(self, way: Way, t: Transport) -> Verdict:
        """What the routers make of a packet that may leave."""
        if way.reason == Drop.FOR_ROUTER and t.echo > 0 and not self.frame.fragment:
            return Verdict(answer=echoed(self.raw, self.frame))
        if way.reason:
            return Verdict(drop=way.reason, answer=self.error(way, way.reason, t))
        assert way.hop is not None
        verdict = self.send(way.where)
        source = voice(way.routers[-1]) if verdict.host else pack_mac(way.hop.interface.mac)
        frame = forwarded(self.raw, way.mac + source, len(way.routers))
        if verdict.port and (to_guest := self.for_guest(self.as_seen(frame, verdict))):
            return to_guest
        return replace(verdict, frame=self.as_seen(frame, verdict), vni=way.network)

    def error(self, way: Way, reason: Drop, t: Transport) -> bytes | None:
        if way.speaker is None or not is_told(self.frame, t):
            return None
        speaker = addresses_of(way.speaker, self.frame.ethertype == IPV6)[0]
        return told(self.raw, self.frame, t, reason, speaker, way.mtu)

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

    def flood(self, hosts: set[str] | None) -> Verdict:
        """To all local ports, and from a port to `hosts`: those that have ports of the network."""
        if self.sender is None and self.vni not in self.model.networks:
            raise Dropped(Drop.UNKNOWN_VNI)
        ports = {i: p for i, p in self.model.ports.items() if p.vni == self.vni and p.admin_up}
        ports.pop(self.came.ifindex, None)
        copies = sum(self.lets_in(port) for port in ports.values())
        if self.sender is not None:
            copies += len(self.model.hosts_of(self.vni) if hosts is None else hosts)
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
            moves = kind == "pair" and not (self.sender is None and sender == ANY4)
            learnt = moves and self.model.learn(self.vni, sender, sender_mac, self.came)
            return self.forward(announces=learnt)
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
        announces = t.kind == 136 and self.advertised(body)
        if asked := self.asked():
            return asked
        mac = self.answerable(body[8:24]) if t.kind == 135 else None
        if mac is None:
            return self.as_marked(lambda: self.forward(announces))
        where = self.model.where(self.vni, mac)
        router = where is not None and bool(where.router)
        return Verdict(answer=advertisement(self.frame, body[8:24], mac, router))

    def advertised(self, body: bytes) -> bool:
        """Whether it says that an address has moved."""
        option = body[24:32]
        given = len(option) == 8 and option[:2] == b"\2\1"
        mac = option[2:] if given else self.frame.source_mac
        kind = self.claim(mac, body[8:24]) if self.secured else "pair"
        if kind not in ("fixed", "pair"):
            raise Dropped(Drop.SPOOFED_NEIGHBOUR)
        return kind == "pair" and self.model.learn(self.vni, body[8:24], mac, self.came)
