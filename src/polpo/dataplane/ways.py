"""The way of a packet through routers, found before anything is done about it."""

import struct

import msgspec

from polpo.dataplane.frames import Frame, Transport
from polpo.dataplane.knowledge import Knowledge, Where
from polpo.dataplane.prefixes import inside, is_ipv6
from polpo.dataplane.router_model import Found, Hop, RouterModel
from polpo.dataplane.steps import Routed, Stopped
from polpo.dataplane.tables import Drop
from polpo.target.rows import Interface

MOST_ROUTERS = 4
NEVER_ROUTED = (
    *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
    *("::/128", "::1/128", "fe80::/10", "ff00::/8"),
)
NOWHERE = 0
"""No network has this number."""


class Way(msgspec.Struct, frozen=True):
    """Where the routers send a packet.

    reason     why it gets no further; None if it does
    local      it is for the first router's own address
    speaker    the interface that tells of it; None if there is none of the family
    mtu        that it is too big for
    hop, mac   where the last router sends it
    routers    numbers of those that it passes
    network    of the last hop
    """

    first: RouterModel
    reason: Drop | None = None
    local: bool = False
    speaker: Interface | None = None
    mtu: int = 0
    hop: Hop | None = None
    mac: bytes = b""
    where: Where = Where()
    routers: tuple[int, ...] = ()

    @property
    def network(self) -> int:
        return self.hop.vni if self.hop else NOWHERE


Place = tuple[Hop, bytes, Where]
"""A hop whose MAC and whereabouts are known."""


class Walk:
    """From router to router. The first thing that goes wrong is what is told of."""

    def __init__(self, known: Knowledge, router: RouterModel, vni: int, frame: Frame) -> None:
        self.known, self.router, self.came_by, self.frame = known, router, vni, frame
        self.way = Way(router)
        self.passed: tuple[int, ...] = ()

    def go(self, transport: Transport, length: int) -> Way:
        """length: of the packet, in bytes from the IP header on."""
        self.length, self.spread = length, spread(self.frame, transport)
        for _ in range(MOST_ROUTERS):
            place = self.step()
            if place is None:
                return self.way
            hop, mac, where = place
            if not where.router:
                return self.changed(hop=hop, mac=mac, where=where, routers=self.passed)
            last = self.router, self.came_by
            self.router, self.came_by = self.known.routers[where.router], hop.vni
        self.router, self.came_by = last
        self.fails(Drop.UNREACHABLE)
        return self.way

    def step(self) -> Place | None:
        """One router; None where the way ends."""
        destination = self.frame.destination
        found = self.router.find(destination)
        if found and found.own:
            self.fails(Drop.FOR_ROUTER)
            self.changed(local=not self.passed)
            return None
        if found is None or any(inside(destination, prefix) for prefix in NEVER_ROUTED):
            self.fails(Drop.NO_ROUTE)
            return None
        place = self.choose(found)
        if place is None:
            self.fails(Drop.UNREACHABLE)
            return None
        hop, vni = place[0], self.router.row.vni
        next_hop = hop.address or destination
        self.known.record(Routed(vni, found.prefix, hop.interface.port, hop.vni, next_hop))
        self.passed += (vni,)
        self.mind(hop)
        return place

    def mind(self, hop: Hop) -> None:
        """The limits of the router and of the link that it sends to."""
        if self.frame.hop_limit <= len(self.passed):
            self.fails(Drop.TIME_EXCEEDED)
        if self.length > hop.interface.mtu:
            self.fails(Drop.TOO_BIG, hop.interface.mtu)

    def choose(self, found: Found) -> Place | None:
        start = self.spread * len(found.via) >> 32
        for hop in (*found.via[start:], *found.via[:start], *found.backups):
            neighbour = self.known.neighbour(hop.vni, hop.address or self.frame.destination)
            where = self.known.where(hop.vni, neighbour[0]) if neighbour else None
            if neighbour and where:
                return hop, neighbour[0], where
        return None

    def fails(self, reason: Drop, mtu: int = 0) -> None:
        if self.way.reason is None:
            speaker = self.router.interface(self.came_by, is_ipv6(self.frame.source))
            self.changed(reason=reason, speaker=speaker, mtu=mtu)
            self.known.record(Stopped(self.router.row.vni, reason))

    def changed(self, **fields: object) -> Way:
        self.way = msgspec.structs.replace(self.way, **fields)
        return self.way


def spread(frame: Frame, t: Transport) -> int:
    """32 bits, of which the higher ones part connections; the same for both directions of one."""
    words = struct.unpack("<8I", frame.source + frame.destination)
    ports = struct.unpack("<2H", struct.pack(">2H", t.source_port, t.destination_port))
    mixed: int = ports[0] ^ ports[1] ^ t.protocol
    for word in words:
        mixed ^= word
    return mixed * 0x9E3779B1 & 0xFFFFFFFF


def home(known: Knowledge, router: RouterModel, source: bytes) -> int:
    """The network in which the router finds an address; 0 if nowhere."""
    for _ in range(MOST_ROUTERS):
        found = router.find(source)
        if found is None or not found.hops:
            return NOWHERE
        hop = found.hops[0]
        neighbour = known.neighbour(hop.vni, hop.address) if hop.address else None
        where = known.where(hop.vni, neighbour[0]) if neighbour else None
        if not where or not where.router:
            return hop.vni
        router = known.routers[where.router]
    return NOWHERE
