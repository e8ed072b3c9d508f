"""The switch in plain Python: the same rules over target rows instead of tables.

Tests give the same frames to this and to the kernel's, and compare. Nothing here is fast, or
knows of time: flows do not expire, and policies are asked for every packet.
"""

from collections.abc import Callable

from polpo.dataplane.calls import answered
from polpo.dataplane.forwarding import Forwarding
from polpo.dataplane.frames import IPV6, Malformed, parse_ethernet, parse_packet, transport_of
from polpo.dataplane.guests import Hosting, concerns, door_at, door_of
from polpo.dataplane.knowledge import Knowledge, Where
from polpo.dataplane.metadata import caller
from polpo.dataplane.prefixes import is_loopback
from polpo.dataplane.tables import Drop, pack_mac
from polpo.dataplane.verdicts import Dropped, Verdict
from polpo.target.rows import Port

__all__ = ["Model", "Verdict"]


class Model(Knowledge):
    """One host's switch."""

    def from_port(self, ifindex: int, frame: bytes) -> Verdict:
        port = self.ports.get(ifindex)
        if port is None:
            return Verdict(drop=Drop.UNKNOWN_PORT)
        if not port.admin_up:
            return Verdict(drop=Drop.ADMIN_DOWN)
        if (door := door_at(self, ifindex)) and concerns(frame):
            hosting = Hosting(self, ifindex, frame)
            if hosting.is_the_hosts(door):
                return verdict_of(lambda: hosting.take_in(door, outside=False))
        return self.decide(port.vni, Where(ifindex), port, frame)

    def from_outside(self, ifindex: int, frame: bytes) -> Verdict:
        """At a device that leads out of the cloud. Nothing is said of what is the host's own."""
        number, hosting = self._sought(ifindex, frame)
        if number == 0 or hosting is None or is_loopback(hosting.frame.destination):
            return Verdict()
        door = door_at(self, number)
        if door is None or not door.port.admin_up:
            return Verdict(drop=Drop.ADMIN_DOWN)
        return verdict_of(lambda: hosting.take_in(door, outside=True))

    def to_outside(self, frame: bytes) -> Verdict:
        """What the host itself sends by such a device."""
        number, _ = self._sought(0, frame)
        door = door_at(self, number)
        if door is None:
            return Verdict()
        macs = pack_mac(door.gateway.mac) + pack_mac(door.port.mac)
        return Verdict(port=number, frame=macs + frame[12:])

    def _sought(self, ifindex: int, frame: bytes) -> tuple[int, Hosting | None]:
        """The door by which a service is reached that the frame is for, 0 if it is for none."""
        if not concerns(frame):
            return 0, None
        try:
            hosting = Hosting(self, ifindex, frame)
            hosting.read()
        except (Malformed, Dropped):
            return 0, None
        router = hosting.router_sought()
        return door_of(self, router) if router else 0, hosting

    def from_overlay(self, vni: int, vtep: str, frame: bytes) -> Verdict:
        if vtep not in self.hosts:
            return Verdict(drop=Drop.UNKNOWN_VTEP)
        return self.decide(vni, Where(vtep=vtep), None, frame)

    def from_metadata(self, frame: bytes) -> Verdict:
        """An answer of the metadata service."""
        parsed = parse_ethernet(frame)
        parse_packet(parsed, frame[14:])
        six, to = parsed.ethertype == IPV6, transport_of(parsed).destination_port
        for (ifindex, port, family), who in self.callers.items():
            name = caller(ifindex, six)
            if (port, family) == (to, six) and parsed.destination.endswith(name):
                listening = self.ports.get(ifindex)
                if listening and listening.admin_up and listening.instance:
                    return Verdict(port=ifindex, frame=answered(frame, six, who))
        return Verdict(drop=Drop.DESTINATION_DOWN)

    def decide(self, vni: int, came: Where, sender: Port | None, frame: bytes) -> Verdict:
        return verdict_of(lambda: Forwarding(self, vni, came, sender, frame).take())


def verdict_of(take: Callable[[], Verdict]) -> Verdict:
    try:
        return take()
    except Malformed:
        return Verdict(drop=Drop.MALFORMED)
    except Dropped as dropped:
        return Verdict(drop=dropped.reason)
