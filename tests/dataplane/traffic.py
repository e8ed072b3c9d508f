"""Frames of all sorts between the ports of a scene, honest and not."""

from hypothesis import strategies as st
from tests.dataplane import packets
from tests.dataplane.scenes import PORTS, VIRTUAL, addresses, mac

NUMBERS = (1, 2, 3, 4, 5, 6, 20, 21, 22, 33)
SENDERS = (1, 1, 2, 2, 3, 3, 4, 5, 6, 9)
MULTICAST = {4: ("01:00:5e:00:00:12", "224.0.0.18"), 6: ("33:33:00:00:00:12", "ff02::12")}
some = st.sampled_from


@st.composite
def bodies(draw: st.DrawFn, six: bool) -> tuple[int, bytes]:
    """Layer 4: protocol and bytes."""
    kind = draw(some(("tcp", "tcp", "udp", "udp", "echo", "icmp", "other", "short")))
    ports = draw(some(PORTS)), draw(some(PORTS))
    if kind == "tcp":
        return 6, packets.tcp(*ports, draw(some((2, 2, 16, 18, 17, 4, 20))))
    if kind == "udp":
        dhcp = some((ports, ports, ports, (67, 68), (68, 67), (546, 547), (547, 546)))
        return 17, packets.udp(*draw(dhcp), b"data")
    if kind == "echo":
        ask, answer = (128, 129) if six else (8, 0)
        return 58 if six else 1, packets.icmp(
            draw(some((ask, ask, answer))), number=draw(some((1, 2)))
        )
    if kind == "icmp":
        types = (3, 5, 13, 130, 133, 134, 137, 143, 1, 200)
        return draw(some((1, 58))), packets.icmp(draw(some(types)), draw(some((0, 1))))
    if kind == "other":
        return draw(some((112, 47, 2, 132))), packets.udp(*ports)
    return draw(some((6, 17, 1, 58))), b"123"


@st.composite
def ips(draw: st.DrawFn, sender: int) -> bytes:
    six, to = draw(st.booleans()), draw(some(NUMBERS))
    honest = draw(some((True, True, True, True, False)))
    source_mac = mac(sender) if honest else draw(some((mac(sender), mac(1), VIRTUAL)))
    forged = ("10.0.0.1", "10.0.0.100", "10.1.2.3", "fd00::1", "fd00::100", "0.0.0.0", "::")
    source = addresses(sender)[six]
    if not honest:
        source = draw(some([a for a in forged if (":" in a) == six]))
    target = mac(to), addresses(to)[six]
    if draw(some((False,) * 9 + (True,))):
        target = MULTICAST[6 if six else 4]
    protocol, body = draw(bodies(six))
    hops, tos = draw(some((255, 255, 64))), draw(some((0, 0, 1, 0xB8, 0xFF)))
    return packets.frame((source_mac, source), target, protocol, body, hops=hops, tos=tos)


@st.composite
def arps(draw: st.DrawFn, sender: int) -> bytes:
    macs = some((mac(sender), mac(sender), mac(2), VIRTUAL))
    own = addresses(sender)[0]
    claims = some((own, own, own, "10.0.0.2", "10.0.0.100", "10.0.0.101", "10.1.0.9", "0.0.0.0"))
    target = draw(
        some([addresses(n)[0] for n in NUMBERS] + ["10.0.0.100", "10.0.0.101", "10.9.9.9"])
    )
    claimed = draw(claims)
    if draw(some((False, False, True))):
        target = claimed
    to = draw(some((packets.BROADCAST, packets.BROADCAST, mac(1), mac(21))))
    hardware = draw(macs)
    return packets.arp(
        draw(macs), draw(some((True, True, False))), (hardware, claimed), (mac(0), target), to
    )


@st.composite
def nds(draw: st.DrawFn, sender: int) -> bytes:
    own = addresses(sender)[1]
    source = draw(some((own, own, own, "::", "fe80::ff:fe00:" + f"{sender:x}", "fd00::2")))
    kind = draw(some((135, 135, 136, 133, 134)))
    targets = [addresses(n)[1] for n in NUMBERS] + ["fd00::100", "fd00::999", own, own]
    option = draw(some(("", mac(sender), mac(2))))
    body = packets.nd(kind, draw(some(targets)), option)
    to = draw(some((("33:33:00:00:00:01", "ff02::1"), (mac(2), addresses(2)[1]))))
    hardware = draw(some((mac(sender), mac(sender), mac(sender), mac(2))))
    hops = draw(some((255,) * 5 + (64,)))
    return packets.frame((hardware, source), to, 58, body, hops=hops)


@st.composite
def fragments(draw: st.DrawFn, sender: int) -> list[bytes]:
    """A packet in pieces; now and then without the first."""
    six, to = draw(st.booleans()), draw(some((1, 2, 3, 4, 21)))
    ends = (mac(sender), addresses(sender)[six]), (mac(to), addresses(to)[six])
    kind = draw(some(("udp", "echo", "tcp")))
    body = packets.udp(draw(some(PORTS)), draw(some(PORTS)), bytes(24))
    protocol = 17
    if kind == "echo":
        protocol, body = (58, packets.icmp(128)) if six else (1, packets.icmp(8))
    if kind == "tcp":
        protocol, body = 6, packets.tcp(5, draw(some(PORTS)))
    number = draw(st.integers(1, 3))
    first = packets.frame(*ends, protocol, body, number=number, more=True)
    later = packets.frame(*ends, protocol, bytes(16), number=number, offset=draw(some((4, 4, 1))))
    return draw(some(([first, later], [first, later], [later])))


@st.composite
def turns(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Frames from ports (number), some answered, some told off by an ICMP error."""
    sender = draw(some(SENDERS))
    kind = draw(some(("ip", "ip", "ip", "ip", "arp", "nd", "fragments", "junk")))
    if kind == "fragments":
        return [(sender, piece) for piece in draw(fragments(sender))]
    if kind == "junk":
        return [(sender, junk(draw, sender))]
    sent = draw({"ip": ips, "arp": arps, "nd": nds}[kind](sender))
    after = draw(some(("", "", "answer", "again", "error"))) if kind == "ip" else ""
    return [(sender, sent), *_aftermath(after, sender, sent)]


def junk(draw: st.DrawFn, sender: int) -> bytes:
    whole = draw(ips(sender))
    least = 54 if whole[12:14] == b"\x86\xdd" else 34  # test runs take whole IP headers only
    cut = whole[: draw(st.integers(least, len(whole)))]
    wrong = packets.eth(mac(sender), mac(2), draw(some((0x8100, 0x88CC, 0x1234))), bytes(30))
    return draw(some((cut, wrong, whole[:6] + b"\xff" + whole[7:])))


def _aftermath(after: str, sender: int, sent: bytes) -> list[tuple[int, bytes]]:
    """`sent` sent once more, or answered by the one it went to."""
    to = sent[5]
    if after == "again":
        return [(sender, sent)]
    if after == "answer":
        return [(to, reverse(sent))]
    return [(to, error_about(sent))] if after == "error" else []


def reverse(sent: bytes) -> bytes:
    """The answer to a frame: ends swapped, echo request made reply, SYN made SYN and ACK."""
    body, six = bytearray(sent), sent[12:14] == b"\x86\xdd"
    body[0:6], body[6:12] = sent[6:12], sent[0:6]
    start, length, layer4 = (22, 16, 54) if six else (26, 4, 34)
    middle = start + length
    body[start:middle], body[middle : middle + length] = (
        sent[middle : middle + length],
        sent[start:middle],
    )
    protocol = sent[20] if six else sent[23]
    if protocol in (6, 17, 132):
        body[layer4 : layer4 + 4] = sent[layer4 + 2 : layer4 + 4] + sent[layer4 : layer4 + 2]
    if protocol == 6 and len(body) > layer4 + 13:
        body[layer4 + 13] |= 16
    if protocol in (1, 58) and body[layer4] in (8, 128):
        body[layer4] = 0 if body[layer4] == 8 else 129
    return bytes(body)


def error_about(sent: bytes) -> bytes:
    """An ICMP error about a frame, from the one it went to."""
    six = sent[12:14] == b"\x86\xdd"
    start, length = (22, 16) if six else (26, 4)
    ends = sent[start + length : start + 2 * length] + sent[start : start + length]
    inner = packets.icmp(1 if six else 3, 1, 0, sent[14:])
    if six:
        head = b"\x60\0\0\0" + len(inner).to_bytes(2, "big") + bytes([58, 255])
    else:
        head = b"\x45\0" + (20 + len(inner)).to_bytes(2, "big") + bytes([0, 1, 0, 0, 64, 1, 0, 0])
    return b"" + sent[6:12] + sent[0:6] + sent[12:14] + head + ends + inner
