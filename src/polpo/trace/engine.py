"""Follows a packet from its port, switch by switch, to its end."""

from msgspec.structs import replace

from polpo.dataplane.frames import ICMP, ICMPV6
from polpo.dataplane.model import Verdict
from polpo.dataplane.steps import Step as Happening
from polpo.dataplane.tables import Drop, pack_address, pack_mac
from polpo.model.port import Port
from polpo.target.rows import Gateway
from polpo.trace import words
from polpo.trace.gateway import Outcome, Packet, pass_through
from polpo.trace.story import Story
from polpo.trace.values import Kind, Question, Start, Thing, Trace
from polpo.trace.workload import Sending, frame, sending
from polpo.trace.world import World

MOST_PASSAGES = 8
"""Switches and gateways that a packet passes: a way without circles has far fewer."""
ROUTER = {False: "169.254.0.1", True: "fe80::1"}
"""The router, in the transit network of its gateway; by whether it is IPv6."""


def trace(world: World, question: Question) -> Trace:
    """The port exists."""
    journey = _Journey(world, question)
    journey.begin()
    return Trace(tuple(journey.steps), journey.reason, journey.start)


class _Journey(Story):
    """`asked` is the packet as it is now: gateways translate it. So is its source."""

    def __init__(self, world: World, question: Question) -> None:
        super().__init__(world)
        self.asked, self.source, self.passages = question, "", 0
        self.from_peer = False
        self.start: Start | None = None

    def begin(self) -> None:
        port = self.world.snapshot.get(Port, self.asked.port)
        assert port is not None
        here = Thing("port", port.id)
        if not port.host or self.world.view.host(port.host) is None:
            self.drop("unbound", words.UNBOUND, here)
        elif not self.world.is_plugged(port.id):
            self.drop("unplugged", words.UNPLUGGED, here, port.host)
        elif self.asked.to in {fixed.ip_address for fixed in port.fixed_ips}:
            self.tell(Kind.DELIVER, "has this address itself: it does not leave", here, port.host)
        elif way := sending(self.world.snapshot, port, self.asked.to):
            self.send(port, way)
        else:
            self.drop("no_way", words.NO_WAY, here, port.host)

    def send(self, port: Port, way: Sending) -> None:
        guarded = "" if port.port_security_enabled else ", without port security: no rules"
        self.tell(Kind.PORT, f"sends from {way.source}{guarded}", Thing("port", port.id), port.host)
        on_link = way.next_hop == self.asked.to
        towards = "on the link" if on_link else f"by way of {way.next_hop}"
        self.tell(Kind.STACK, f"has {way.prefix} {towards}", Thing("subnet", way.subnet), port.host)
        self.source = way.source
        if not self.world.port_row(port.host, port.id).admin_up:
            down = Drop.ADMIN_DOWN
            self.drop(down.name.lower(), words.REASONS[down], Thing("port", port.id), port.host)
        elif not self.emit(port.host, port.id, way.next_hop):
            network = Thing("network", port.network_id)
            self.drop("unresolved", words.UNRESOLVED.format(way.next_hop), network, port.host)

    def emit(self, host: str, port: str, next_hop: str) -> bool:
        """The workload of a port sends the packet on; False if it finds nobody at the next hop."""
        row = self.world.port_row(host, port)
        neighbour = self.world.switch(host).neighbour(row.vni, pack_address(next_hop))
        if neighbour is not None:
            macs = neighbour[0] + pack_mac(row.mac)
            self.start = self.start or Start(macs, self.source, host)
            self.from_port(host, port, row.vni, frame(macs, self.source, self.asked))
        return neighbour is not None

    # switches

    def from_port(self, host: str, port: str, vni: int, sent: bytes) -> None:
        model, happened = self.world.switch(host), list[Happening]()
        model.record = happened.append
        verdict = model.from_port(self.world.plugs(host)[port].ifindex, sent)
        self.rules(host, happened, ingress=False)
        if verdict.drop not in words.BEFORE_ROUTERS:
            self.routes(host, happened, self.asked.to)
        leaves = replace(verdict, frame=verdict.frame or sent, vni=verdict.vni or vni)
        self.go_on(host, port, happened, leaves)

    def from_overlay(self, host: str, port: str, source: str, came: Verdict) -> None:
        """From the host with the address `source`."""
        assert came.frame is not None
        assert came.vni is not None
        model, happened = self.world.switch(host), list[Happening]()
        model.record = happened.append
        verdict = model.from_overlay(came.vni, source, came.frame)
        self.go_on(host, port, happened, replace(verdict, frame=came.frame, vni=came.vni))

    def go_on(self, host: str, port: str, happened: list[Happening], verdict: Verdict) -> None:
        """After a switch has decided; `port` is who has sent it."""
        self.passages += 1
        if self.passages > MOST_PASSAGES:
            self.drop("circle", words.CIRCLE, Thing("host", host), host)
        elif verdict.answer is not None and verdict.drop is None:
            self.tell(Kind.ANSWER, "answers the ping", self.stopped_at(host, happened), host)
        elif verdict.drop is not None:
            self.dropped(host, port, happened, verdict)
        elif verdict.host is not None:
            there = self.world.host_at(verdict.host)
            self.tunnel(host, there, verdict)
            self.from_overlay(there, port, self.world.switch(host).vtep, verdict)
        elif verdict.call is not None:
            text = "has the metadata service, which answers"
            self.tell(Kind.ANSWER, text, Thing("host", host), host)
        elif verdict.port is not None:
            self.arrive(host, self.world.port_at(host, verdict.port), happened)
        else:
            self.tell(Kind.ANSWER, "has an agent that answers DHCP", Thing("host", host), host)

    def tunnel(self, host: str, there: str, verdict: Verdict) -> None:
        silent = there in self.world.seen.silent
        text = f"gets it through the tunnel to {verdict.host}"
        text += "; its agent has not been heard of late" if silent else ""
        self.tell(Kind.TUNNEL, text, Thing("host", there), host, verdict.vni or 0)

    def arrive(self, host: str, port: str, happened: list[Happening]) -> None:
        self.rules(host, happened, ingress=True)
        gateway = self.world.gateway(host, port)
        if gateway is None:
            self.tell(Kind.DELIVER, "gets it", Thing("port", port), host)
        else:
            self.pass_gateway(host, gateway)

    # gateways

    def pass_gateway(self, host: str, row: Gateway) -> None:
        packet = Packet(self.source, self.asked.to, self.asked.protocol, self.asked.number)
        active = self.world.is_active(host, row)
        outcome = pass_through(row, packet, active, self.from_peer)
        router, six = Thing("router", row.router), ":" in packet.to
        self.from_peer = outcome.fate == "peer"
        self.translate(host, router, packet, outcome)
        match outcome.fate:
            case "peer":
                self.tell(Kind.GATEWAY, "is not active here: its peer gets it", router, host)
                peer = replace(row, instance=7 - row.instance)
                self.emit(host, row.port, instance_address(peer, six))
            case "inside":
                self.tell(Kind.GATEWAY, "sends it back inside", router, host)
                self.emit(host, row.port, ROUTER[six])
            case "outside":
                self.tell(Kind.LEAVE, f"sends it outside, to {outcome.next_hop}", router, host)
            case "own" if packet.protocol in (ICMP, ICMPV6):
                self.tell(Kind.ANSWER, "answers the ping", router, host)
            case "own":
                self.drop(
                    Drop.FOR_ROUTER.name.lower(), words.REASONS[Drop.FOR_ROUTER], router, host
                )
            case _:
                self.drop(outcome.reason, words.GATEWAYS[outcome.reason], router, host)

    def translate(self, host: str, router: Thing, packet: Packet, outcome: Outcome) -> None:
        """Tells of what is translated, and goes on with that."""
        aimed, left = outcome.aimed, outcome.packet
        if aimed != packet:
            ports = f" {aimed.number}" if aimed.number != packet.number else ""
            text = f"{packet.to} is {aimed.to}{ports}"
            self.tell(Kind.NAT, text, self.world.floating(packet.to) or router, host)
        if left.source != aimed.source:
            text = f"{aimed.source} is {left.source} to the outside"
            self.tell(Kind.NAT, text, self.world.floating(left.source) or router, host)
        self.source = left.source
        self.asked = replace(self.asked, to=left.to, number=left.number)


def instance_address(row: Gateway, six: bool) -> str:
    """In its transit network."""
    return f"fe80::{row.instance}" if six else f"169.254.0.{row.instance}"
