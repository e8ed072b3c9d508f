"""DHCPv6, message by message."""

import struct

import msgspec
import pytest
from tests.unit.agent.dhcp.scenery import (
    FOUR,
    LINK,
    LOCAL,
    MAC,
    PORT,
    ROUTER,
    SIX,
    asked6,
    changed,
    said6,
)

from polpo.agent.dhcp import messages6 as wire
from polpo.agent.dhcp.answers import REFUSED, Outcome
from polpo.agent.dhcp.dhcpv6 import duid
from polpo.agent.dhcp.link import Link
from polpo.target.rows import DhcpOption, Lease

SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE = range(1, 10)
INFORMATION = 11
CLIENT = (wire.CLIENT, b"\0\3\0\1" + MAC)
SERVER = (wire.SERVER, duid(LINK))
OWN, OTHER = bytes.fromhex("fd00" + "00" * 13 + "05"), bytes.fromhex("fd00" + "00" * 13 + "06")
UNICAST = bytes.fromhex("fe80" + "00" * 13 + "01")
STATELESS = msgspec.structs.replace(
    SIX, ra_mode="dhcpv6-stateless", address_mode="dhcpv6-stateless"
)


def ia(*addresses: bytes, number: bytes = b"iaid") -> wire.Option:
    return wire.ia_na(number, 0, [wire.address(a, 0) for a in addresses])


def given(message: wire.Message) -> dict[bytes, int]:
    """Addresses with their valid lifetimes, of all associations."""
    found = {}
    for value in message.all(wire.IA_NA):
        for code, inner in wire.options(value[12:]):
            if code == wire.ADDRESS:
                found[inner[:16]] = int.from_bytes(inner[20:24], "big")
    return found


def status(message: wire.Message) -> int | None:
    """The message's own, or that of the first association that has one."""
    inner = [o for v in message.all(wire.IA_NA) for o in wire.options(v[12:])]
    codes = [v[:2] for code, v in (*message.options, *inner) if code == wire.STATUS]
    return int.from_bytes(codes[0], "big") if codes else None


def test_a_solicitation_is_answered_with_the_ports_address() -> None:
    said = said6(asked6(LINK, SOLICIT, CLIENT, ia()))
    assert (said.kind, said.xid) == (ADVERTISE, b"xid")
    assert (said.first(wire.CLIENT), said.first(wire.SERVER)) == (CLIENT[1], duid(LINK))
    assert given(said) == {OWN: 86400}
    (value,) = said.all(wire.IA_NA)
    assert struct.unpack("!4sII", value[:12]) == (b"iaid", 43200, 69120)


def test_who_is_in_a_hurry_gets_it_at_once() -> None:
    said = said6(asked6(LINK, SOLICIT, CLIENT, (wire.RAPID, b""), ia()))
    assert said.kind == REPLY
    assert said.first(wire.RAPID) == b""
    assert given(said) == {OWN: 86400}


@pytest.mark.parametrize("kind", [REQUEST, RENEW])
def test_requests_to_this_server(kind: int) -> None:
    said = said6(asked6(LINK, kind, CLIENT, SERVER, ia(OWN, OTHER)))
    assert (said.kind, given(said)) == (REPLY, {OWN: 86400, OTHER: 0})
    assert asked6(LINK, kind, CLIENT, (wire.SERVER, b"another"), ia(OWN)) == REFUSED
    assert asked6(LINK, kind, SERVER, ia(OWN)) == REFUSED
    astray = said6(asked6(LINK, kind, CLIENT, SERVER, ia(OWN), to=UNICAST))
    assert (status(astray), given(astray)) == (wire.USE_MULTICAST, {})


def test_rebind_is_for_any_server() -> None:
    assert given(said6(asked6(LINK, REBIND, CLIENT, ia(OWN)))) == {OWN: 86400}
    assert asked6(LINK, REBIND, CLIENT, SERVER, ia(OWN)) == REFUSED


def test_a_port_without_an_address_is_told_so() -> None:
    bare = changed(leases=())
    assert status(said6(asked6(bare, SOLICIT, CLIENT, ia()))) == wire.NO_ADDRESSES
    lost = said6(asked6(bare, RENEW, CLIENT, SERVER, ia(OWN)))
    assert (given(lost), status(lost)) == ({OWN: 0}, wire.NO_BINDING)


def test_confirm_knows_the_ports_own_addresses() -> None:
    assert status(said6(asked6(LINK, CONFIRM, CLIENT, ia(OWN)))) == 0
    assert status(said6(asked6(LINK, CONFIRM, CLIENT, ia(OTHER)))) == wire.NOT_ON_LINK
    assert asked6(LINK, CONFIRM, CLIENT).outcome == Outcome.NOTED


def test_release_and_decline() -> None:
    assert status(said6(asked6(LINK, RELEASE, CLIENT, SERVER, ia(OWN)))) == 0
    declined = asked6(LINK, DECLINE, CLIENT, SERVER, ia(OWN))
    assert (declined.outcome, status(said6(declined))) == (Outcome.DECLINED, 0)
    strange = said6(asked6(LINK, RELEASE, CLIENT, SERVER, ia(OTHER)))
    assert len(strange.all(wire.IA_NA)) == 1


def test_all_addresses_are_in_the_first_association() -> None:
    two = changed(leases=(Lease("fd00::5", "s6"), Lease("fd00::6", "s6")))
    said = said6(asked6(two, SOLICIT, CLIENT, ia(), ia(number=b"more")))
    assert given(said) == {OWN: 86400, OTHER: 86400}
    assert status(said) == wire.NO_ADDRESSES


def test_information_is_names_and_when_to_ask_again() -> None:
    said = said6(asked6(Link(PORT, (FOUR, STATELESS)), INFORMATION))
    assert said.first(23) == bytes.fromhex("fd00" + "00" * 13 + "53")
    assert said.first(24) == b"\7example\3org\0"
    assert said.first(32) == (86400).to_bytes(4, "big")
    wishes = (wire.WISHES, b"\0\x18")
    assert [code for code, _ in said6(asked6(LINK, INFORMATION, wishes)).options] == [2, 24]
    assert asked6(LINK, INFORMATION, (wire.SERVER, b"another")) == REFUSED


def test_of_a_stateless_subnet_no_address_is_given() -> None:
    said = said6(asked6(Link(PORT, (STATELESS,)), SOLICIT, CLIENT, ia()))
    assert (given(said), status(said)) == ({}, wire.NO_ADDRESSES)


def test_a_network_without_dhcpv6_says_nothing() -> None:
    slaac = msgspec.structs.replace(SIX, ra_mode="slaac", address_mode="slaac")
    assert asked6(Link(PORT, (FOUR, slaac)), SOLICIT, CLIENT, ia()) == REFUSED


def test_what_a_port_is_given_besides() -> None:
    options = (DhcpOption("dns-server", "fd00::99", 6), DhcpOption("59", "tftp://[fd00::1]/b", 6))
    said = said6(asked6(changed(dhcp_options=options), SOLICIT, CLIENT, ia()))
    assert said.first(23) == bytes.fromhex("fd00" + "00" * 13 + "99")
    assert said.first(59) == b"tftp://[fd00::1]/b"


def test_temporary_addresses_and_prefixes_are_not_to_be_had() -> None:
    delegation = (wire.IA_PD, b"iaid" + bytes(8))
    said = said6(asked6(LINK, SOLICIT, CLIENT, (wire.IA_TA, b"iaid"), delegation))
    (temporary,), (prefix,) = said.all(wire.IA_TA), said.all(wire.IA_PD)
    assert dict(wire.options(temporary[4:]))[wire.STATUS][:2] == b"\0\2"
    assert dict(wire.options(prefix[12:]))[wire.STATUS][:2] == b"\0\6"


def test_an_answer_goes_to_who_asked_from_the_router() -> None:
    (frame,) = asked6(Link(PORT, (SIX,), (ROUTER,)), SOLICIT, CLIENT, ia()).frames
    assert frame[:12] == MAC + bytes.fromhex("fa163e0000ff")
    assert frame[38:54] == LOCAL
    assert frame[22:38] == bytes.fromhex("fe80000000000000f8163efffe0000ff")


def test_an_answer_larger_than_the_link_is_not_sent() -> None:
    many = [ia(number=n.to_bytes(4, "big")) for n in range(80)]
    assert asked6(LINK, SOLICIT, CLIENT, *many) == REFUSED
