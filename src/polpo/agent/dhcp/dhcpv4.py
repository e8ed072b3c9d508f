"""DHCPv4 for one port: RFC 2131, with nothing to remember, as each port's addresses are its own.

Whatever else a client asks for is answered with NAK, as nobody else may give it an address here.
"""

from ipaddress import IPv4Address, IPv4Network

import msgspec

from polpo.agent.dhcp import bootp
from polpo.agent.dhcp.answers import DECLINED, NOTED, REFUSED, Answer, Outcome
from polpo.agent.dhcp.bootp import Message
from polpo.agent.dhcp.configuration import Wishes, configuration
from polpo.agent.dhcp.datagrams import Question, udp
from polpo.agent.dhcp.extra import NEXT_SERVER
from polpo.agent.dhcp.link import Link
from polpo.dataplane.frames import Malformed
from polpo.dataplane.tables import pack_mac
from polpo.target.rows import Subnet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
REQUESTED, TYPE, SERVER, WISHES, REASON, LARGEST, CLIENT = 50, 53, 54, 55, 56, 57, 61
TFTP_NAME, BOOT_FILE, TFTP_ADDRESS, USER_CLASS, ETHERBOOT = 66, 67, 150, 77, 175
OF_LEASES = (51, 58, 59)
ALL_ONES, ALL_STATIONS = b"\xff" * 4, b"\xff" * 6
PORTS = (67).to_bytes(2, "big") + (68).to_bytes(2, "big")
LEAST_LARGEST = 576  # what every client takes (RFC 2131, section 2): with IP and UDP
HEADERS = 28


class Lease(msgspec.Struct, frozen=True):
    """One address of the port, packed, its subnet, and the address that answers for it."""

    address: bytes
    subnet: Subnet
    server: bytes


def answer(link: Link, question: Question) -> Answer:
    """Raises Malformed."""
    asked = bootp.decode(question.payload)
    kind = asked.options.get(TYPE, b"")
    if len(asked.options.get(CLIENT, b"")) > 255:
        raise Malformed  # it would leave no room in the answer
    if asked.op != bootp.REQUEST or len(kind) != 1:
        return REFUSED  # BOOTP is not spoken
    if link.disabled or asked.mac != pack_mac(link.port.mac) or asked.giaddr != bootp.NONE:
        return REFUSED
    match kind[0]:
        case 1:  # DISCOVER
            return _offer(link, asked)
        case 3:  # REQUEST
            return _acknowledge(link, asked)
        case 8:  # INFORM
            return _inform(link, asked)
        case 4:  # DECLINE
            return DECLINED
        case 7:  # RELEASE
            return NOTED
    return REFUSED


def leases(link: Link) -> list[Lease]:
    return [
        Lease(IPv4Address(address).packed, subnet, server_of(address, subnet))
        for address, subnet in link.leases(4)
    ]


def server_of(address: str, subnet: Subnet) -> bytes:
    """The gateway's address; the lowest that is not the port's where there is none."""
    if subnet.gateway and subnet.gateway != address:
        return IPv4Address(subnet.gateway).packed
    first = IPv4Network(subnet.cidr).network_address + 1
    return (first + 1 if str(first) == address else first).packed


def _offer(link: Link, asked: Message) -> Answer:
    """What the client would like if it is the port's, else the port's first address."""
    held = leases(link)
    if not held:
        return REFUSED
    wanted = asked.options.get(REQUESTED)
    lease = next((lease for lease in held if lease.address == wanted), held[0])
    return _grant(link, asked, lease, OFFER)


def _acknowledge(link: Link, asked: Message) -> Answer:
    """SELECTING, INIT-REBOOT, RENEWING and REBINDING (RFC 2131, 4.3.2)."""
    held = leases(link)
    server = asked.options.get(SERVER)
    if server is not None and server not in [lease.server for lease in held]:
        return REFUSED  # the client has chosen somebody else
    renewing = asked.ciaddr != bootp.NONE
    wanted = asked.ciaddr if renewing else asked.options.get(REQUESTED)
    lease = next((lease for lease in held if lease.address == wanted), None)
    if lease is not None:
        return _grant(link, asked, lease, ACK)
    return _deny(link, asked, server)


def _inform(link: Link, asked: Message) -> Answer:
    """All but an address, for a client that was given one by hand."""
    lease = next((lease for lease in leases(link) if lease.address == asked.ciaddr), None)
    return _grant(link, asked, lease, INFORM) if lease else REFUSED


def _grant(link: Link, asked: Message, lease: Lease, kind: int) -> Answer:
    """Offers, acknowledges, or informs."""
    informs = kind == INFORM
    found = configuration(link, lease.subnet, lease.address, _wishes(asked))
    if informs:
        found = {code: value for code, value in found.items() if code not in OF_LEASES}
    head = _head(asked, ACK if informs else kind, lease.server)
    said = Message(
        op=bootp.REPLY,
        xid=asked.xid,
        mac=asked.mac,
        broadcast=asked.broadcast,
        ciaddr=asked.ciaddr,
        yiaddr=bootp.NONE if informs else lease.address,
        options=head | found,
    )
    said = fitting(_booting(said, link, _wishes(asked)), asked)
    to_all = asked.broadcast and asked.ciaddr == bootp.NONE
    known = asked.ciaddr if asked.ciaddr != bootp.NONE else lease.address
    ends = lease.server, ALL_ONES if to_all else known
    return _sent(link, lease.subnet, ends, ALL_STATIONS if to_all else asked.mac, said)


def _deny(link: Link, asked: Message, server: bytes | None) -> Answer:
    subnet = next((s for s in link.subnets if s.dhcp and ":" not in s.cidr), None)
    if subnet is None:
        return REFUSED
    server = server or server_of("", subnet)
    options = _head(asked, NAK, server) | {REASON: b"this address is not the port's"}
    said = Message(
        op=bootp.REPLY, xid=asked.xid, mac=asked.mac, broadcast=asked.broadcast, options=options
    )
    return _sent(link, subnet, (server, ALL_ONES), ALL_STATIONS, said)


def _head(asked: Message, kind: int, server: bytes) -> dict[int, bytes]:
    head = {TYPE: bytes([kind]), SERVER: server}
    client = asked.options.get(CLIENT)
    return head | {CLIENT: client} if client is not None else head  # RFC 6842


def _wishes(asked: Message) -> Wishes:
    ipxe = ETHERBOOT in asked.options or asked.options.get(USER_CLASS, b"").endswith(b"iPXE")
    return Wishes(codes=asked.options.get(WISHES), ipxe=ipxe)


def _booting(said: Message, link: Link, wishes: Wishes) -> Message:
    """What a machine boots from is in the header as well, for those who look there only."""
    extra = wishes.extra(link.port)
    name, file = extra.get(TFTP_NAME, b""), extra.get(BOOT_FILE, b"")
    where = extra.get(NEXT_SERVER, extra.get(TFTP_ADDRESS, _as_address(name)))
    return msgspec.structs.replace(
        said,
        siaddr=where[:4] or bootp.NONE,
        sname=name if len(name) < 64 else b"",
        file=file if len(file) < 128 else b"",
    )


def _as_address(text: bytes) -> bytes:
    try:
        return IPv4Address(text.decode()).packed
    except ValueError:
        return b""


def fitting(said: Message, asked: Message) -> Message:
    """With as many options as the client takes; those that matter least are last."""
    largest = int.from_bytes(asked.options.get(LARGEST, b""), "big")
    room = max(largest, LEAST_LARGEST) - HEADERS
    options = dict(said.options)
    while len(bootp.encode(msgspec.structs.replace(said, options=options))) > room:
        options.popitem()
    return msgspec.structs.replace(said, options=options)


def _sent(
    link: Link, subnet: Subnet, ends: tuple[bytes, bytes], mac: bytes, said: Message
) -> Answer:
    macs = link.router(subnet).mac, mac
    return Answer(Outcome.ANSWERED, (udp(macs, ends, PORTS, bootp.encode(said)),))
