"""Guests in the model: who comes to services by the host's own devices, and is at no port."""

from typing import NamedTuple

from polpo.dataplane.forwarding import Forwarding
from polpo.dataplane.frames import (
    FRAGMENT,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TCP,
    UDP,
    Malformed,
    Transport,
    parse_packet,
)
from polpo.dataplane.held import Held
from polpo.dataplane.knowledge import Knowledge, Where
from polpo.dataplane.routed_frames import is_told, told
from polpo.dataplane.tables import ANY6, GUESTS, Drop, pack_address, pack_mac
from polpo.dataplane.turned import Guest
from polpo.dataplane.verdicts import Dropped, Verdict
from polpo.target.rows import Interface, Port

SILENT = (Drop.NOT_ADMITTED, Drop.NO_LOCAL_BACKEND, Drop.PORT_TAKEN)


class Door(NamedTuple):
    """The host's own port in a network, where it is plugged in, and the router there."""

    ifindex: int
    port: Port
    router: int
    gateway: Interface

    def address(self, six: bool) -> bytes | None:
        found = (lease.address for lease in self.port.leases)
        return next((pack_address(text) for text in found if (":" in text) == six), None)


def door_at(model: Knowledge, ifindex: int) -> Door | None:
    """What the interface is, if it is the host's own port and a router is there."""
    port = model.ports.get(ifindex)
    if port is None or not port.host_of:
        return None
    for number, interface in sorted(model.interfaces(port.vni), key=lambda found: found[0]):
        return Door(ifindex, port, number, interface)
    return None


def door_of(model: Knowledge, router: int) -> int:
    """By which guests come to what the router leads to: the lowest ifindex, 0 for none."""
    networks = {interface.vni for interface in model.routers[router].interfaces}
    found = (i for i, port in model.ports.items() if port.host_of and port.vni in networks)
    return min(found, default=0)


def concerns(frame: bytes) -> bool:
    """Whether it can be one to a service at all; later fragments of TCP never are."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == IPV4 and len(frame) >= 34:
        later = bool(int.from_bytes(frame[20:22], "big") & 0x1FFF)
        return frame[23] == UDP or (frame[23] in (TCP, ICMP) and not later)
    return ethertype == IPV6 and len(frame) >= 54 and frame[20] in (TCP, UDP, FRAGMENT, ICMPV6)


class Hosting(Forwarding):
    """A guest's frame, taken in as one of the host's own port."""

    def __init__(self, model: Knowledge, device: int, raw: bytes) -> None:
        super().__init__(model, GUESTS, Where(device), None, raw)
        self.device = device

    def read(self) -> None:
        parse_packet(self.frame, self.raw[14:])
        self.transport = self.first_of_fragments()
        self.exempt()

    def router_sought(self) -> int:
        sought = self.sought()
        return self.model.router_for_guests(*sought) if sought else 0

    def sought(self) -> tuple[Transport, bytes] | None:
        """Layer 4 as a service would have it, and where it is; None if it can be for none."""
        t = self.transport
        if t is not None and self.may_be_served(t):
            return t, self.frame.destination
        return self.asks()

    def may_be_served(self, t: Transport) -> bool:
        return t.protocol in (TCP, UDP) and not self.exempt_sending and not self.exempt_receiving

    def is_the_hosts(self, door: Door) -> bool:
        """The frame is one of the host itself, but not from its port's address."""
        self.vni = door.port.vni
        try:
            self.read()
        except (Malformed, Dropped):
            return False
        t = self.transport
        if t is None or not (self.is_error or self.may_be_served(t)):
            return False
        return self.frame.source != (door.address(self.frame.ethertype == IPV6) or ANY6)

    def take_in(self, door: Door, outside: bool) -> Verdict:
        frame, t, six = self.frame, self.transport, self.frame.ethertype == IPV6
        assert t is not None
        self.inner = door.address(six)
        if self.inner is None:
            raise Dropped(Drop.UNREACHABLE)
        macs = frame.source_mac, frame.destination_mac
        self.guest = Guest(frame.source, self.device, b"".join(macs))
        self.vni = self.realm = self.of_source = self.of_destination = door.port.vni
        self.came, self.sender = Where(door.ifindex), door.port
        frame.source_mac, frame.destination_mac = (
            pack_mac(door.port.mac),
            pack_mac(door.gateway.mac),
        )
        trouble, mtu = self._find_out(door, outside, t)
        if trouble and trouble not in SILENT:
            frame.source_mac, frame.destination_mac = macs
            return self._refuse(trouble, mtu, t)
        if trouble:
            raise Dropped(trouble)
        return self._pass_on(self.transport or t)

    def _find_out(self, door: Door, outside: bool, t: Transport) -> tuple[Drop | None, int]:
        """Why it goes no further, and the MTU that this is about."""
        model, router = self.model, door.router
        held = self._held(door, outside)
        if held is None or (self.is_error and not self.error_served_by(held, router)):
            raise Dropped(Drop.SPOOFED_ADDRESS)
        if not self.is_error:
            self.served_by(held, router, t)
        if self.refused:
            return self.refused, 0
        where = model.where(self.vni, self.next_mac or b"")
        if where is None:
            return Drop.UNREACHABLE, 0
        if where.router:
            self.find_way(t)
            return (self.way.reason, self.way.mtu) if self.way else (Drop.UNREACHABLE, 0)
        mtu = min(door.port.mtu, door.gateway.mtu)
        return (Drop.TOO_BIG, mtu) if len(self.raw) - 14 > mtu else (None, 0)

    def _held(self, door: Door, outside: bool) -> Held | None:
        sought = self.sought()
        if sought is None:
            return None
        if outside:
            return self.model.service_for_guests(self.model.router_for_guests(*sought), *sought)
        return self.model.service(door.port.vni, door.router, *sought)

    def _refuse(self, trouble: Drop, mtu: int, t: Transport) -> Verdict:
        assert self.guest is not None
        assert self.asked_of is not None
        self.frame.source = self.guest.address
        if not is_told(self.frame, t):
            raise Dropped(trouble)
        service = self.asked_of.address
        return Verdict(drop=trouble, answer=told(self.raw, self.frame, t, trouble, service, mtu))

    def _pass_on(self, t: Transport) -> Verdict:
        if self.is_error:
            self.find_related()
        else:
            self.find_flow(t)
        port = self.sender
        if self.inner and port and port.port_security and not self.may(port, ingress=False):
            raise Dropped(Drop.EGRESS_POLICY)
        self.note_turn(t)
        return self.go(t)
