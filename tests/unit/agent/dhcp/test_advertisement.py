"""Router advertisements: what they say for each mode, and from whom."""

from collections.abc import Iterator

import msgspec
import pytest
from tests.unit.agent.dhcp.scenery import LINK, LOCAL, MAC, PORT, ROUTER, SIX, changed, solicited

from polpo.agent.dhcp.advertisement import Advertisement, advertisements, frame
from polpo.agent.dhcp.advertiser import MOST_S, Advertiser
from polpo.agent.dhcp.answers import REFUSED, Answer, Outcome
from polpo.agent.dhcp.link import Link
from polpo.target.rows import DhcpOption, Subnet

OWN_MAC, ROUTER_MAC = bytes.fromhex("02706f000007"), bytes.fromhex("fa163e0000ff")
ROUTED = Link(PORT, (SIX,), (ROUTER,))


def in_mode(mode: str) -> Subnet:
    return msgspec.structs.replace(SIX, ra_mode=mode, address_mode=mode)


def options(frame: bytes) -> Iterator[tuple[int, bytes]]:
    body = frame[54 + 16 :]
    while body:
        size = body[1] * 8
        yield body[0], body[2:size]
        body = body[size:]


def only(answer: Answer) -> bytes:
    (frame,) = answer.frames
    return frame


@pytest.mark.parametrize(
    ("mode", "flags", "prefix"),
    [("slaac", 0, 0xC0), ("dhcpv6-stateless", 0x40, 0xC0), ("dhcpv6-stateful", 0x80, 0x80)],
)
def test_the_flags_of_each_mode(mode: str, flags: int, prefix: int) -> None:
    said = only(solicited(Link(PORT, (in_mode(mode),))))
    assert said[54 + 5] == flags
    found = dict(options(said))
    assert found[3][:2] == bytes([64, prefix])
    assert found[3][14:] == bytes.fromhex("fd00") + bytes(14)
    assert found[5] == b"\0\0" + (1450).to_bytes(4, "big")
    assert found[25][6:] == bytes.fromhex("fd00" + "00" * 13 + "53")
    assert found[31][6:] == b"\7example\3org\0" + bytes(3)


def test_without_a_router_the_network_speaks_for_itself_and_routes_nothing() -> None:
    said = only(solicited(LINK))
    assert (said[:6], said[6:12], said[38:54]) == (MAC, OWN_MAC, LOCAL)
    assert said[22:38] == bytes.fromhex("fe80") + bytes(6) + bytes.fromhex("00706ffffe000007")
    assert said[54 + 6 : 54 + 8] == b"\0\0"
    assert dict(options(said))[1] == OWN_MAC


def test_a_router_that_is_the_gateway_is_one() -> None:
    said = only(solicited(ROUTED))
    assert (said[6:12], said[60:62]) == (ROUTER_MAC, (1800).to_bytes(2, "big"))
    other = msgspec.structs.replace(ROUTER, addresses=("fd00::2/64",))
    assert only(solicited(Link(PORT, (SIX,), (other,))))[60:62] == b"\0\0"


def test_who_has_no_address_yet_is_answered_as_all_nodes() -> None:
    said = only(solicited(LINK, source=bytes(16)))
    assert (said[:6], said[38:54]) == (
        bytes.fromhex("333300000001"),
        bytes.fromhex("ff02") + bytes(13) + b"\1",
    )


@pytest.mark.parametrize(
    ("source", "more"),
    [(LOCAL, b"\1\0"), (LOCAL, b"\1\2" + MAC), (LOCAL, b"\1"), (bytes(16), b"\1\1" + MAC)],
)
def test_malformed_solicitations(source: bytes, more: bytes) -> None:
    assert solicited(LINK, source, bytes([133]) + bytes(7)).outcome == Outcome.ANSWERED
    assert solicited(LINK, source, bytes([133]) + bytes(7) + more).outcome == Outcome.MALFORMED
    assert solicited(LINK, source, bytes([133, 1]) + bytes(6)).outcome == Outcome.MALFORMED


def test_nothing_is_said_of_subnets_without_a_mode() -> None:
    plain = msgspec.structs.replace(SIX, ra_mode=None)
    assert solicited(Link(PORT, (plain,))) == REFUSED
    assert solicited(changed(dhcp_options=(DhcpOption("dhcp_disabled", "true"),))) == REFUSED


def test_who_routes_is_heard_first() -> None:
    second = msgspec.structs.replace(SIX, id="t6", cidr="fd01::/64", gateway=None)
    found = advertisements(Link(PORT, (second, SIX), (ROUTER,)))
    assert [one.router.forwards for one in found] == [True, False]
    assert [len(one.subnets) for one in found] == [1, 1]


class Told:
    """An advertiser, its clock, and what it sent."""

    def __init__(self) -> None:
        self.now_s, self.sent = 0.0, list[tuple[int, bytes]]()
        self.advertiser = Advertiser(lambda *sent: self.sent.append(sent), lambda: self.now_s)

    def look(self, link: Link | None, after_s: float = 0.0) -> list[tuple[int, bytes]]:
        self.now_s += after_s
        self.sent.clear()
        self.advertiser.look({5: link} if link else {})
        return self.sent


def said(link: Link) -> Advertisement:
    (one,) = advertisements(link)
    return one


def test_advertisements_are_repeated_now_and_then() -> None:
    told = Told()
    assert told.look(LINK) == [(5, frame(said(LINK)))]
    assert told.look(LINK, after_s=1.0) == []
    assert told.look(LINK, after_s=MOST_S) == [(5, frame(said(LINK)))]
    assert told.look(None) == []


def test_news_is_told_at_once_and_a_router_that_goes_says_so() -> None:
    told = Told()
    told.look(LINK)
    assert told.look(ROUTED) == [(5, frame(said(ROUTED)))]
    gone = frame(said(ROUTED), last=True)
    assert gone[60:62] == b"\0\0"
    assert told.look(LINK) == [(5, gone), (5, frame(said(LINK)))]
    told.look(ROUTED)
    assert told.look(Link(PORT)) == [(5, gone)]
    assert told.look(Link(PORT)) == []
