"""Services in the model: a packet to one is to a backend from then on, and its answer from it."""

import struct

from msgspec.structs import replace

from polpo.dataplane.frames import IPV6, TCP, UDP, Transport, parse
from polpo.dataplane.held import Held
from polpo.dataplane.knowledge import Chosen, ChosenKey, Flow, flow_key
from polpo.dataplane.metadata import ADDRESSES, PACKED
from polpo.dataplane.passage import ACK, FIN, RST, SYN, Passage
from polpo.dataplane.prefixes import inside
from polpo.dataplane.rendezvous import UNIT, hash_of, mixed, score
from polpo.dataplane.tables import PAGE, Drop, State, pack_address, pack_mac, pack_port
from polpo.dataplane.turned import (
    Guest,
    Turn,
    error_turned,
    turned,
    turned_back,
    with_destination,
    with_source,
)
from polpo.dataplane.verdicts import Dropped, Verdict
from polpo.dataplane.ways import spread

SOURCE_PORTS = 8
ROUND6 = "fd70:6f6c:706f:1::a9fe:a9fe"
"""Whom a port hears that is its own backend, beyond a router."""
VOICES = PACKED | {pack_address(ROUND6)}
ENDED = State.RESET | State.FIN_SENT | State.FIN_REPLIED


class Served(Passage):
    """`next_mac`: to whom the frame goes within its network, once a backend has been chosen.

    `guest`: that the sender is one, and `inner` its address within networks, if it has one there.
    """

    asked_of: Turn | None = None
    refused: Drop | None = None
    next_mac: bytes | None = None
    direct = own = False
    guest: Guest | None = None
    inner: bytes | None = None
    seed = 0

    def serve(self, t: Transport) -> Transport:
        """Layer 4 as the backend gets it. What hinders it is `refused` when the sender may send."""
        frame = self.frame
        if not self.sender or frame.multicast or t.protocol not in (TCP, UDP):
            return t
        if self.exempt_sending or self.exempt_receiving:
            return t
        where = self.model.where(self.vni, frame.destination_mac)
        router = where.router if where else 0
        held = self.model.service(self.vni, router, t, frame.destination)
        return self.served_by(held, router, t) if held else t

    def served_by(self, held: Held, router: int, t: Transport) -> Transport:
        frame, ports = self.frame, (t.destination_port, t.source_port)
        self.asked_of = Turn(frame.destination, *ports, guest=self.guest)
        if held.keeps:
            self.inner = None
        try:
            return self.aim(held, self._choice(held, router, t), router, t)
        except Dropped as dropped:
            self.refused = dropped.reason
            return t

    def _choice(self, held: Held, router: int, t: Transport) -> Chosen:
        service, frame = held.row, self.frame
        if held.limited and not any(inside(frame.source, p) for p in service.sources):
            raise Dropped(Drop.NOT_ADMITTED)
        key = self.vni, frame.source, frame.destination, t.protocol, t.source_port
        known = self.model.chosen.get((*key, t.destination_port))
        if known is None or t.flags & (SYN | ACK | RST | FIN) == SYN:
            known = self._choose(held, router, t)
        return self._keep((*key, t.destination_port), known)

    def _keep(self, key: ChosenKey, chosen: Chosen) -> Chosen:
        self.model.chosen[key] = chosen
        return chosen

    def _choose(self, held: Held, router: int, t: Transport) -> Chosen:
        self.seed = spread(self.frame, t)
        address, number = self._kept(held) or self._best(held, t)
        self.frame.source = self.inner or self.frame.source
        if address == self.frame.source and not self.guest:
            return Chosen(address, number, t.source_port, False)
        out = self.model.routers.get(router or self._router_at(held.row.via))
        direct = self._is_direct(address, out.row.vni if out else 0)
        if not direct and out is None:
            raise Dropped(Drop.UNREACHABLE)
        realm = self.vni if direct or out is None else out.row.domain
        return Chosen(address, number, self._source_port(realm, t, address, number), direct)

    def _kept(self, held: Held) -> tuple[bytes, int] | None:
        """The backend that the client had a while ago."""
        kept = self.model.sticky.get((held.lot, self.frame.source))
        working = {(pack_address(b.address), b.port) for b in held.backends if b.up}
        return kept if kept in working else None

    def _best(self, held: Held, t: Transport) -> tuple[bytes, int]:
        flow = self.seed
        if held.row.by_source:
            words = struct.unpack("<4I", self.frame.source)
            flow = (words[0] ^ words[1] ^ words[2] ^ words[3]) * 0x9E3779B1 & 0xFFFFFFFF
        scores = []
        for index, row in enumerate(held.taking):
            address, port = pack_address(row.address), pack_port(row.port)
            found = score(flow, hash_of(address + port), UNIT // row.weight)
            scores.append((found | index % PAGE, index, address, row.port))
        if not scores:
            raise Dropped(Drop.NO_LOCAL_BACKEND if held.silent else Drop.NO_BACKEND)
        best = min(scores)[2:]
        if held.row.sticks_s:
            self.model.sticky[held.lot, self.frame.source] = best
        return best

    def _router_at(self, mac: str) -> int:
        where = self.model.where(self.vni, pack_mac(mac)) if mac else None
        return where.router if where else 0

    def _is_direct(self, backend: bytes, router: int) -> bool:
        """The client and it are in one subnet: what it answers passes no router."""
        if self.model.neighbour(self.vni, backend) is None:
            return False
        model = self.model.routers.get(router)
        return model is None or model.find(self.frame.source) == model.find(backend)

    def _source_port(self, realm: int, t: Transport, address: bytes, port: int) -> int:
        """A guest shares the host's address with its programs, whose ports are others."""
        start = 0x400 if self.inner else 0x8000
        first = () if self.inner and not 0x400 <= t.source_port < 0x8000 else (t.source_port,)
        hashes = (mixed((self.seed + i + 1) & 0xFFFFFFFF) for i in range(SOURCE_PORTS))
        own = t.source_port
        for own in (*first, *(start | found & 0x7FFF for found in hashes)):
            if self._is_free(realm, replace(t, source_port=own, destination_port=port), address):
                break
        return own

    def _is_free(self, realm: int, t: Transport, address: bytes) -> bool:
        """No other flow of the client has this port at the backend."""
        flow = self.model.flows.get(flow_key(realm, self.frame.source, address, t))
        return flow is None or self._is_asked(flow) or bool(flow.state & ENDED)

    def _is_asked(self, flow: Flow) -> bool:
        asked = self.asked_of
        assert asked is not None
        return flow.turn is not None and flow.turn.names(asked)

    def aim(self, held: Held, chosen: Chosen, router: int, t: Transport) -> Transport:
        self.next_mac = self.frame.destination_mac if router else pack_mac(held.row.via or NOBODY)
        self.own = chosen.address == self.frame.source and not self.guest
        self.frame.source = self.inner or self.frame.source
        if chosen.direct:
            neighbour = self.model.neighbour(self.vni, chosen.address)
            self.next_mac = neighbour[0] if neighbour else None
        if self.next_mac is None:
            raise Dropped(Drop.UNREACHABLE)
        self.direct, self.frame.destination = chosen.direct, chosen.address
        self.transport = replace(t, source_port=chosen.source_port, destination_port=chosen.port)
        return self.transport

    def round(self, t: Transport) -> bytes | None:
        """Of a port that is its own backend: what it sends to the service, and what it answers."""
        frame, asked = self.frame, self.asked_of
        if not self.sender or frame.multicast or t.protocol not in (TCP, UDP):
            return None
        where = self.model.where(self.vni, frame.destination_mac)
        routed = frame.ethertype == IPV6 and where is not None and where.router > 0
        voice = pack_address(ROUND6 if routed else ADDRESSES[frame.ethertype == IPV6])
        macs = frame.source_mac + frame.destination_mac
        key = self.vni, frame.source, voice, t.protocol, t.destination_port, t.source_port
        if self.own and asked:
            chosen = Chosen(asked.address, asked.port, asked.client_port, False)
            self.model.chosen[key] = chosen
            there = turned(self.raw, frame, t)
            return macs + with_source(there, parse(there), t, voice, t.source_port)[12:]
        key = (
            self.vni,
            frame.source,
            frame.destination,
            t.protocol,
            t.source_port,
            t.destination_port,
        )
        ours = frame.destination in VOICES
        back = self.model.chosen.get(key) if ours else None
        if back is None:
            return None
        here = with_destination(self.raw, frame, t, frame.source, t.destination_port)
        return macs + with_source(here, parse(here), t, back.address, back.port)[12:]

    def note_turn(self, t: Transport) -> None:
        """The flow knows what its client calls the backend. One flow has one name for it."""
        flow, end = self.flow, (self.frame.source, t.source_port)
        known = flow.turn if flow else None
        if self.next_mac is None:
            if known and self.sender and self.tracked and known.client == end:
                raise Dropped(Drop.PORT_TAKEN)
            return
        if flow is None or (known and not self._is_asked(flow)):
            raise Dropped(Drop.PORT_TAKEN)
        if self.sent:
            return
        if (known is None or self.guest) and self.asked_of:
            flow.turn = replace(self.asked_of, client=end)
        self.judged = True

    def turn(self, raw: bytes, t: Transport) -> bytes:
        """The frame as it leaves to a backend."""
        if self.next_mac is None:
            return raw
        if self.sent and self.asked_of:
            frame = error_turned(raw, self.frame, t, self.inner is not None)
        else:
            frame = turned(raw, self.frame, t)
        return self.next_mac + self.frame.source_mac + frame[12:] if self.direct else frame

    def turn_back(self, raw: bytes, t: Transport) -> bytes:
        """The frame as it comes to a port: from whom the port's owner has asked."""
        turn = self.flow.turn if self.flow else None
        if turn is None or self.next_mac is not None or self._from_client(turn, t):
            return raw
        return turned_back(raw, self.frame, t, turn)

    def for_guest(self, frame: bytes) -> Verdict | None:
        """What becomes of an answer, already turned back, if a guest has asked."""
        turn, t = self.flow.turn if self.flow else None, self.transport
        if turn is None or turn.guest is None or self.next_mac or t is None:
            return None
        if self._from_client(turn, t):
            return None
        return Verdict(port=turn.guest.device, frame=turn.guest.macs + frame[12:])

    def _from_client(self, turn: Turn, t: Transport) -> bool:
        if self.frame.icmp:  # an error, whose own ports are none
            return self.from_client
        return turn.client == (self.frame.source, t.source_port)


NOBODY = "00:00:00:00:00:00"
