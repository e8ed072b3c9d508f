"""Scenes with routers of all sorts, and frames to, through and from them, honest and not."""

import msgspec
from hypothesis import strategies as st
from tests.dataplane import packets
from tests.dataplane.routed_scenes import (
    ALL,
    BACK,
    BETWEEN,
    FIRST,
    GATEWAY,
    NETWORKS,
    OUTSIDE,
    REMOTE,
    SECOND,
    SPREAD,
    Scene,
    addresses,
    gate,
    inside,
    mac,
    scene,
)
from tests.dataplane.scenes import rules
from tests.dataplane.traffic import bodies, error_about, reverse

from polpo.target.rows import AnyRow, Interface, Route, Subnet

some = st.sampled_from
GATES = [(100, 0), (100, 1), (100, 3), (100, 93), (101, 2), (101, 3)]
OWN4 = ["10.0.0.254", "10.0.1.254", "10.0.3.1", "10.0.3.2", "10.0.2.254", "169.254.0.1"]
OWN6 = ["fd00::fe", "fd00:0:0:1::fe", "fd00:0:0:3::2", "fd00:0:0:2::fe", "fe80::1"]
OWN6 += ["fe80::ff:fe64:fe", "fe80::ff:fe64:1fe"]
ELSEWHERE4 = ["10.50.0.1", "10.50.3.4", "10.66.0.1", "172.16.0.1", "9.9.9.9", "10.0.1.99"]
ELSEWHERE4 += ["127.0.0.1", "224.0.0.5", "255.255.255.255", "169.254.0.2", "0.0.0.0", "240.1.1.1"]
ELSEWHERE6 = ["fd50::1", "fd50::3:4", "fd66::1", "2001:db8::1", "fd00:0:0:1::99", "ff02::5", "::1"]
ELSEWHERE6 += ["fe80::2", "::", "fd00:0:0:2::99"]
FORGED4 = ["10.0.0.1", "10.0.0.100", "10.50.1.1", "10.0.1.7", "0.0.0.0", "9.9.9.9", "224.1.1.1"]
FORGED6 = ["fd00::1", "fd00::100", "fd50::1", "fd00:0:0:1::7", "::", "2001:db8::5", "ff02::1"]
SENDERS = (1, 1, 1, 2, 2, 3, 3, 4, 4, 6, 7, 8, 21)
VIA = [(7, "10.0.0.3"), (8, "10.0.1.22"), (10, "10.0.3.2"), (7, "10.0.0.99"), (9, "10.0.2.4")]
VIA6 = [(7, "fd00::3"), (8, "fd00:0:0:1::16"), (10, "fd00:0:0:3::2"), (8, "fd00:0:0:1::99")]


@st.composite
def interfaces(draw: st.DrawFn, rows: list[Interface]) -> list[AnyRow]:
    """The same, with other MTUs; now and then without addresses of a family, or with a second."""
    made: list[AnyRow] = []
    for row in rows:
        mtu = draw(some((1500, 1500, 1300, 90)))
        keeps = draw(some((row.addresses,) * 6 + (row.addresses[:1], row.addresses[1:], ())))
        made.append(msgspec.structs.replace(row, mtu=mtu, addresses=keeps))
    if draw(some((False, False, True))):
        name, net = draw(some((("a", 0), ("z", 0), ("a", 1), ("z", 1))))
        v4, v6 = inside(net, 250)
        prefixes = draw(some(((f"{v4}/24", f"{v6}/64"), (f"{v4}/25",), (f"{v6}/64",))))
        made.append(Interface(name, 7 + net, f"02:00:00:ff:{net:02x}:fe", 1400, prefixes))
    return made


@st.composite
def routes(draw: st.DrawFn) -> list[AnyRow]:
    four = ("10.50.0.0/16", "10.50.3.0/24", "10.0.1.0/24", "10.0.1.22/32", "0.0.0.0/0")
    prefix = draw(some((*four, "fd50::/32", "::/0", "fd00:0:0:1::/64")))
    hops = st.lists(some(VIA6 if ":" in prefix else VIA), max_size=4).map(tuple)
    return [Route(prefix, draw(hops), draw(hops))]


@st.composite
def routed_scenes(draw: st.DrawFn) -> Scene:
    sets = st.lists(rules(), max_size=6).map(tuple)
    policies = {1: draw(st.one_of(st.just(ALL), st.just(ALL), sets)), 2: draw(sets), 3: draw(sets)}
    numbers = {n: draw(some((1, 1, 1, 2, 3))) for n in range(1, 9)}
    between = draw(some(([], BETWEEN, BETWEEN, BETWEEN)))
    first = [*draw(interfaces([*FIRST, *GATEWAY])), *between, *draw(some((SPREAD, [])))]
    first += draw(some(([], OUTSIDE)))
    taken = {row.mac for row in first if isinstance(row, Interface)}
    second = [x for x in draw(interfaces(SECOND)) if getattr(x, "mac", "") not in taken]
    second += draw(some((BACK, BACK, [])))
    for router in (first, second):
        given = draw(routes()) if draw(st.booleans()) else []
        prefixes = {row.prefix for row in given if isinstance(row, Route)}
        router[:] = [r for r in router if not (isinstance(r, Route) and r.prefix in prefixes)]
        router += given
    subnets = (Subnet("s", "10.0.0.0/24"),) if draw(st.booleans()) else ()
    return scene(policies, numbers, first, second, subnets)


def destinations(six: bool) -> list[str]:
    ends = [addresses(n)[six] for n in NETWORKS]
    return ends * 2 + (OWN6 + ELSEWHERE6 if six else OWN4 + ELSEWHERE4)


@st.composite
def routed(draw: st.DrawFn, sender: int) -> bytes:
    """An IP packet to a router of the sender's network, or some other."""
    six = draw(st.booleans())
    near = [gate(router, net) for router, net in GATES if net == NETWORKS[sender]]
    to = draw(some(near * 6 + [f"02:00:00:ff:0{draw(some((0, 1)))}:fe", mac(1)]))
    source = addresses(sender)[six]
    source_mac = mac(sender)
    if draw(some((False,) * 5 + (True,))):
        source = draw(some(FORGED6 if six else FORGED4))
        source_mac = draw(some((source_mac, source_mac, mac(1), "02:70:6f:00:00:64")))
    protocol, body = draw(bodies(six))
    hops = draw(some((255, 64, 64, 4, 3, 2, 1, 0)))
    body += bytes(draw(some((0, 0, 0, 100, 1300))))
    target = to, draw(some(destinations(six)))
    tos = draw(some((0, 0, 0xFF)))
    return packets.frame((source_mac, source), target, protocol, body, hops=hops, tos=tos)


@st.composite
def pieces(draw: st.DrawFn, sender: int) -> list[bytes]:
    six = draw(st.booleans())
    near = [gate(router, net) for router, net in GATES if net == NETWORKS[sender]]
    ends = (mac(sender), addresses(sender)[six]), (near[0], draw(some(destinations(six))))
    protocol, body = draw(some(((17, packets.udp(5, 53, bytes(8))), (58 if six else 1, b""))))
    body = body or packets.icmp(128 if six else 8)
    number = draw(st.integers(1, 3))
    first = packets.frame(*ends, protocol, body, number=number, more=True)
    later = packets.frame(*ends, protocol, bytes(16), number=number, offset=2)
    return draw(some(([first, later], [first, later], [later])))


@st.composite
def neighbours(draw: st.DrawFn, sender: int) -> bytes:
    """Questions for and announcements of addresses, of routers as well."""
    net = NETWORKS[sender]
    four = [*OWN4, addresses(sender)[0], "10.0.0.101", "169.254.0.2", "10.0.1.99"]
    six = [*OWN6, addresses(sender)[1], "fd00::100", "fe80::2"]
    hardware = draw(some((mac(sender), mac(sender), gate(100, net), "00:00:5e:00:01:07")))
    if draw(st.booleans()):
        target = draw(some(four))
        claimed = draw(some((addresses(sender)[0], target, "10.0.0.101")))
        to = draw(some((packets.BROADCAST, gate(100, net))))
        asks = draw(st.booleans())
        return packets.arp(mac(sender), asks, (hardware, claimed), (mac(1), target), to)
    body = packets.nd(draw(some((135, 136))), draw(some(six)), draw(some(("", hardware))))
    to6 = draw(some((("33:33:00:00:00:01", "ff02::1"), (gate(100, net), "fd00::fe"))))
    source = draw(some((addresses(sender)[1], addresses(sender)[1], "::")))
    return packets.frame((mac(sender), source), to6, 58, body)


@st.composite
def tunnelled(draw: st.DrawFn) -> tuple[int, bytes]:
    """A packet that has been routed by another host, or by nobody; and its network."""
    router, net = draw(some((*GATES, *GATES, (100, 2), (101, 0), (102, 0))))
    six, to = draw(st.booleans()), draw(some([n for n in NETWORKS if n not in REMOTE]))
    source = draw(some(destinations(six)))
    protocol, body = draw(bodies(six))
    to_mac, to_address = mac(to), addresses(to)[six]
    if draw(some((False,) * 8 + (True,))):
        to_mac = draw(some((gate(100, net), packets.BROADCAST, mac(21))))
    ends = (f"02:70:6f:00:00:{router:02x}", source), (to_mac, to_address)
    frame = packets.frame(*ends, protocol, body, hops=draw(some((64, 255, 1))))
    if draw(some((False,) * 9 + (True,))):
        frame = packets.arp(ends[0][0], False, (mac(1), "10.0.0.101"), (mac(1), "10.0.0.101"))
    return draw(some((7 + NETWORKS[to],) * 6 + (7 + net, 8))), frame


Turn = tuple[int, int, bytes]
"""port that sends, 0 for the overlay; vni, of the overlay only; frame"""


@st.composite
def routed_turns(draw: st.DrawFn) -> list[Turn]:
    kind = draw(some(("ip",) * 6 + ("pieces", "neighbours", "overlay", "overlay", "overlay")))
    if kind == "overlay":
        network, frame = draw(tunnelled())
        return [(0, network, frame)]
    sender = draw(some(SENDERS))
    if kind == "pieces":
        return [_turn(sender, piece) for piece in draw(pieces(sender))]
    if kind == "neighbours":
        return [_turn(sender, draw(neighbours(sender)))]
    sent = draw(routed(sender))
    after = draw(some(("", "", "again", "answer", "answer", "error")))
    return [_turn(sender, sent), *_aftermath(after, sender, sent)]


def _turn(sender: int, frame: bytes) -> Turn:
    return (0, 7 + NETWORKS[sender], frame) if sender in REMOTE else (sender, 0, frame)


def _aftermath(after: str, sender: int, sent: bytes) -> list[Turn]:
    """What the one that it was for makes of it, by the router of its own network."""
    if after == "again":
        return [_turn(sender, sent)]
    six = sent[12:14] == b"\x86\xdd"
    to = sent[38:54] if six else sent[30:34]
    known = {packets.packed(addresses(n)[six]): n for n in NETWORKS}
    if not after or known.get(to, 20) == 20:
        return []
    number = known[to]
    (router, net), *_ = [place for place in GATES if place[1] == NETWORKS[number]]
    said = reverse(sent) if after == "answer" else error_about(sent)
    macs = packets.mac(gate(router, net)) + packets.mac(mac(number))
    if number in REMOTE:  # routed there; so it arrives in the first sender's network
        macs = packets.mac(mac(sender)) + packets.mac(f"02:70:6f:00:00:{router:02x}")
        return [(0, 7 + NETWORKS[sender], macs + said[12:])]
    return [_turn(number, macs + said[12:])]
