"""DHCPv4: the states of a client, what it is told, and what it is not."""

import msgspec
import pytest
from tests.unit.agent.dhcp.scenery import (
    ALL,
    FOUR,
    LINK,
    MAC,
    ROUTER,
    SIX,
    STATIONS,
    asked4,
    changed,
    said4,
)

from polpo.agent.dhcp.answers import DECLINED, NOTED, REFUSED, Outcome
from polpo.agent.dhcp.dhcpv4 import server_of
from polpo.agent.dhcp.link import Link
from polpo.target.rows import DhcpOption, Lease, Subnet

OWN, OTHER, SERVER = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6]), bytes([10, 0, 0, 1])
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)


def kind(answer: object) -> int:
    return said4(answer).options[53][0]  # type: ignore[arg-type]


def test_an_offer_has_all_that_a_client_needs() -> None:
    said = said4(asked4(LINK, DISCOVER))
    assert (said.op, said.xid, said.mac, said.yiaddr) == (2, b"xid4", MAC, OWN)
    assert said.options == {
        53: bytes([OFFER]),
        54: SERVER,
        51: (86400).to_bytes(4, "big"),
        58: (43200).to_bytes(4, "big"),
        59: (75600).to_bytes(4, "big"),
        1: b"\xff\xff\xff\0",
        26: (1450).to_bytes(2, "big"),
        3: SERVER,
        6: bytes([9, 9, 9, 9]),
        28: bytes([10, 0, 0, 255]),
        12: b"web",
        15: b"example.org",
        121: bytes([16, 10, 9, 10, 0, 0, 9, 32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 10, 0, 0, 1]),
        249: said.options[121],
    }


def test_a_client_gets_what_it_asks_for_in_its_order() -> None:
    said = said4(asked4(LINK, DISCOVER, {55: bytes([6, 3, 99, 6])}))
    assert list(said.options) == [53, 54, 51, 58, 59, 1, 26, 6, 3]


@pytest.mark.parametrize(
    ("options", "ciaddr", "expected"),
    [
        ({50: OWN, 54: SERVER}, bytes(4), ACK),  # SELECTING
        ({50: OTHER, 54: SERVER}, bytes(4), NAK),
        ({50: OWN}, bytes(4), ACK),  # INIT-REBOOT
        ({50: OTHER}, bytes(4), NAK),
        ({}, bytes(4), NAK),
        ({}, OWN, ACK),  # RENEWING, REBINDING
        ({}, OTHER, NAK),
        ({50: OTHER}, OWN, ACK),
    ],
)
def test_requests_of_all_states(options: dict[int, bytes], ciaddr: bytes, expected: int) -> None:
    answer = asked4(LINK, REQUEST, options, ciaddr=ciaddr)
    assert kind(answer) == expected
    said = said4(answer)
    assert said.yiaddr == (OWN if expected == ACK else bytes(4))
    to = answer.frames[0][30:34], answer.frames[0][:6]
    assert to == ((OWN, MAC) if expected == ACK else (ALL, STATIONS))


def test_a_client_that_has_chosen_another_server_is_left_to_it() -> None:
    assert asked4(LINK, REQUEST, {50: OWN, 54: OTHER}) == REFUSED


def test_who_cannot_take_unicast_is_answered_by_broadcast() -> None:
    answer = asked4(LINK, DISCOVER, broadcast=True)
    assert (answer.frames[0][30:34], answer.frames[0][:6]) == (ALL, STATIONS)
    assert said4(answer).broadcast


def test_inform_is_answered_without_an_address() -> None:
    said = said4(asked4(LINK, INFORM, ciaddr=OWN))
    assert (said.yiaddr, said.options[53]) == (bytes(4), bytes([ACK]))
    assert not said.options.keys() & {51, 58, 59}
    assert asked4(LINK, INFORM, ciaddr=OTHER) == REFUSED


def test_what_needs_no_answer() -> None:
    assert asked4(LINK, DECLINE, {50: OWN}) == DECLINED
    assert asked4(LINK, RELEASE, ciaddr=OWN) == NOTED


def test_what_is_not_for_us() -> None:
    assert asked4(LINK, DISCOVER, mac=bytes(6)) == REFUSED
    assert asked4(LINK, DISCOVER, giaddr=OTHER) == REFUSED
    assert asked4(LINK, OFFER) == REFUSED
    assert asked4(changed(leases=()), DISCOVER) == REFUSED
    assert asked4(changed(dhcp_options=(DhcpOption("dhcp_disabled", "True"),)), DISCOVER) == REFUSED
    off = msgspec.structs.replace(FOUR, dhcp=False)
    assert asked4(Link(LINK.port, (off,)), REQUEST, {50: OWN}) == REFUSED
    assert asked4(LINK, DISCOVER, {61: bytes(300)}).outcome == Outcome.MALFORMED


def test_a_port_that_lost_its_address_is_told_so() -> None:
    lost = changed(leases=(Lease("fd00::5", "s6"),))
    assert kind(asked4(lost, REQUEST, ciaddr=OWN)) == NAK


def test_of_several_addresses_the_client_has_the_choice() -> None:
    two = changed(leases=(Lease("10.0.0.5", "s4"), Lease("10.0.0.6", "s4")))
    assert said4(asked4(two, DISCOVER)).yiaddr == OWN
    assert said4(asked4(two, DISCOVER, {50: OTHER})).yiaddr == OTHER
    assert kind(asked4(two, REQUEST, ciaddr=OTHER)) == ACK


def test_the_identifier_of_the_client_comes_back() -> None:
    assert said4(asked4(LINK, DISCOVER, {61: b"\1me"})).options[61] == b"\1me"
    assert said4(asked4(LINK, REQUEST, {61: b"\1me"})).options[61] == b"\1me"


def test_the_server_is_the_gateway_or_the_lowest_address_that_is_not_the_ports() -> None:
    bare = Subnet("s", "10.0.0.0/24")
    assert server_of("10.0.0.5", FOUR) == SERVER
    assert server_of("10.0.0.5", bare) == SERVER
    assert server_of("10.0.0.1", bare) == bytes([10, 0, 0, 2])
    assert server_of("10.0.0.1", FOUR) == bytes([10, 0, 0, 2])


def test_without_a_gateway_the_metadata_address_is_on_the_link() -> None:
    bare = msgspec.structs.replace(FOUR, gateway=None, routes=())
    options = said4(asked4(Link(LINK.port, (bare,)), DISCOVER)).options
    assert options[121] == bytes([32, 169, 254, 169, 254, 0, 0, 0, 0])
    assert 3 not in options


def test_with_a_router_the_metadata_address_is_behind_it() -> None:
    plain = msgspec.structs.replace(FOUR, routes=())
    options = said4(asked4(Link(LINK.port, (plain,), (ROUTER,)), DISCOVER)).options
    assert options[121] == bytes([32, 169, 254, 169, 254, 10, 0, 0, 1, 0, 10, 0, 0, 1])


def test_answers_come_from_the_routers_mac_where_there_is_one() -> None:
    assert asked4(LINK, DISCOVER).frames[0][6:12] == bytes.fromhex("02706f000007")
    routed = Link(LINK.port, (FOUR, SIX), (ROUTER,))
    assert asked4(routed, DISCOVER).frames[0][6:12] == bytes.fromhex("fa163e0000ff")


def test_a_large_answer_is_cut_to_what_the_client_takes() -> None:
    many = tuple((f"10.{n}.1.0/24", "10.0.0.9") for n in range(60))
    link = Link(LINK.port, (msgspec.structs.replace(FOUR, routes=many),))
    answer = asked4(link, DISCOVER)
    assert len(answer.frames[0]) <= 14 + 576
    assert said4(answer).options.keys() >= {53, 54, 51, 1, 26, 3}
    assert 121 not in said4(answer).options
    large = asked4(link, DISCOVER, {57: (1400).to_bytes(2, "big")})
    assert len(said4(large).options[121]) == 60 * 8 + 9 + 5


def test_machines_that_boot_find_it_in_the_header_and_in_options() -> None:
    booting = changed(
        dhcp_options=(
            DhcpOption("tftp-server", "10.0.0.7"),
            DhcpOption("tag:!ipxe,67", "undionly.kpxe"),
            DhcpOption("tag:ipxe,bootfile-name", '"http://10.0.0.7/boot"'),
            DhcpOption("lease-time", "600"),
        )
    )
    said = said4(asked4(booting, DISCOVER, {55: bytes([66, 67])}))
    assert (said.siaddr, said.sname) == (bytes([10, 0, 0, 7]), b"10.0.0.7")
    assert (said.file, said.options[67]) == (b"undionly.kpxe", b"undionly.kpxe")
    assert [int.from_bytes(said.options[n], "big") for n in (51, 58, 59)] == [600, 300, 525]
    assert said4(asked4(booting, DISCOVER, {175: b""})).file == b"http://10.0.0.7/boot"
