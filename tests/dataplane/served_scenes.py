"""Services on the networks of routed_scenes: at addresses in network 0, and of router 100."""

from tests.dataplane import packets
from tests.dataplane.routed_scenes import (
    NETWORKS,
    REMOTE,
    Ends,
    Scene,
    addresses,
    at,
    gate,
    scene,
)

from polpo.dataplane.frames import checksum, parse
from polpo.target.rows import AnyRow
from polpo.target.service import Backend, Service

VIP, VIP6, CLUSTER, CLUSTER6 = "10.0.0.200", "fd00::c8", "10.254.0.1", "fdfe::1"
NOBODY = "02:00:00:00:00:c8"
"""MAC address of a VIP: no device has it."""
VIA = gate(100, 0)


def service(name: str, address: str = VIP, port: int = 80, **fields: object) -> AnyRow:
    given = {"protocol": "tcp", "via": "" if address in (CLUSTER, CLUSTER6) else VIA, **fields}
    return Service(name, address, port=port, **given)  # type: ignore[arg-type]


def backends(name: str, *numbers: int, six: bool = False, port: int = 8080) -> list[AnyRow]:
    return [Backend(name, addresses(number)[six], port) for number in numbers]


def served_scene(*rows: AnyRow, router: bool = False, **fields: object) -> Scene:
    """The rows are in the slice of network 0, or of router 100."""
    slices, plugs = scene(**fields)  # type: ignore[arg-type]
    slices["router/100" if router else "network/7"].extend(rows)
    return slices, plugs


def to_vip(number: int, router: int = 100) -> str:
    """The MAC address that a port sends to for a VIP: in network 0 its own, else a router's."""
    net = NETWORKS[number]
    return NOBODY if net == 0 else gate(101 if net == 2 else router, net)


def request(
    number: int, address: str = VIP, port: int = 80, source_port: int = 4000, flags: int = 2
) -> bytes:
    """TCP from a port to a service, with right checksums."""
    ends = at(number, ":" in address), (to_vip(number), address)
    return summed(packets.frame(*ends, 6, packets.tcp(source_port, port, flags)))


def question(number: int, address: str = VIP, port: int = 53, source_port: int = 4000) -> bytes:
    ends = at(number, ":" in address), (to_vip(number), address)
    return summed(packets.frame(*ends, 17, packets.udp(source_port, port, b"what?")))


def summed(whole: bytes) -> bytes:
    """With right checksums of TCP and UDP too."""
    whole = packets.summed(whole)
    six = whole[12:14] == b"\x86\xdd"
    at_, protocol = 54 if six else 34, whole[20 if six else 23]
    place = at_ + (16 if protocol == 6 else 6)
    plain = whole[:place] + bytes(2) + whole[place + 2 :]
    pseudo = plain[22:54] if six else plain[26:34]
    pseudo += (len(plain) - at_).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
    total = checksum(pseudo + plain[at_:])
    return plain[:place] + total + plain[place + 2 :]


def ends_of(frame: bytes) -> tuple[bytes, int, bytes, int]:
    """Source and destination with their ports."""
    parsed = parse(frame)
    ports = (int.from_bytes(parsed.body[i : i + 2], "big") for i in (0, 2))
    return parsed.source, next(ports), parsed.destination, next(ports)


def owner(address: bytes) -> int | None:
    """The port that has it."""
    known = {packets.packed(text): n for n in NETWORKS for text in addresses(n)}
    four = address[12:] if address.startswith(bytes(10) + b"\xff\xff") else address
    return known.get(four)


def answering(frame: bytes, client: int) -> tuple[int, int, bytes] | None:
    """What the backend that got the frame sends back: port, 0 from another host; vni; frame."""
    source, source_port, destination, port = ends_of(frame)
    number = owner(destination)
    if number is None or owner(source) is None:
        return None
    direct = NETWORKS[number] == NETWORKS[client]
    (router, net), *_ = [p for p in GATES if p[1] == NETWORKS[number]]
    six = frame[12:14] == b"\x86\xdd"
    protocol = frame[20 if six else 23]
    body = packets.tcp(port, source_port, 18) if protocol == 6 else packets.udp(port, source_port)
    to: Ends = at(client, six) if direct else (gate(router, net), addresses(client)[six])
    if number not in REMOTE:
        return number, 0, summed(packets.frame(at(number, six), to, protocol, body))
    if direct:
        back = packets.frame(at(number, six), to, protocol, body)
    else:  # its own host has routed it
        voice = f"02:70:6f:00:00:{GATE_OF[NETWORKS[client]]:02x}"
        back = packets.frame((voice, addresses(number)[six]), at(client, six), protocol, body)
    return 0, 7 + NETWORKS[client], summed(back)


GATES = [(100, 0), (100, 1), (100, 3), (100, 93), (101, 2), (101, 3)]
GATE_OF = {0: 100, 1: 100, 3: 100, 93: 100, 2: 101}
"""The router that sends into a network."""
