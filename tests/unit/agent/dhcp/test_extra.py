"""Options as users write them."""

import pytest

from polpo.agent.dhcp.extra import extra_options, is_understood
from polpo.target.rows import DhcpOption


@pytest.mark.parametrize(
    ("name", "value", "code", "packed"),
    [
        ("mtu", "1400", 26, b"\5\x78"),
        ("26", "1400", 26, b"\5\x78"),
        ("option:ntp-server", "10.0.0.1,10.0.0.2", 42, bytes([10, 0, 0, 1, 10, 0, 0, 2])),
        ("ntp_server", "{10.0.0.1, 10.0.0.2}", 42, bytes([10, 0, 0, 1, 10, 0, 0, 2])),
        ("domain-search", "example.org,a.b", 119, b"\7example\3org\0\1a\1b\0"),
        ("domain-name", '"example.org"', 15, b"example.org"),
        ("121", "10.1.0.0/16,10.0.0.9", 121, bytes([16, 10, 1, 10, 0, 0, 9])),
        ("classless-static-route", "{0.0.0.0/0,10.0.0.9}", 121, bytes([0, 10, 0, 0, 9])),
        ("ip-forward-enable", "true", 19, b"\1"),
        ("224", "0a:ff", 224, b"\x0a\xff"),
        ("224", "300", 224, b"\1\x2c"),
        ("224", "10.0.0.1", 224, bytes([10, 0, 0, 1])),
        ("224", "words", 224, b"words"),
        ("server-ip-address", "10.0.0.1", 255, bytes([10, 0, 0, 1])),
    ],
)
def test_an_option_of_ipv4(name: str, value: str, code: int, packed: bytes) -> None:
    assert extra_options([DhcpOption(name, value)], 4, ipxe=False) == {code: packed}
    assert not extra_options([DhcpOption(name, value)], 6, ipxe=False)


@pytest.mark.parametrize(
    ("name", "value", "code", "packed"),
    [
        ("dns-server", "[fd00::1]", 23, bytes.fromhex("fd00" + "00" * 13 + "01")),
        ("option6:24", "example.org", 24, b"\7example\3org\0"),
        ("56", "fd00::1", 56, b"\0\1\0\x10" + bytes.fromhex("fd00" + "00" * 13 + "01")),
        ("bootfile-url", "tftp://x", 59, b"tftp://x"),
    ],
)
def test_an_option_of_ipv6(name: str, value: str, code: int, packed: bytes) -> None:
    assert extra_options([DhcpOption(name, value, 6)], 6, ipxe=False) == {code: packed}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", "1"),
        ("mtu", "70000"),
        ("mtu", "-1"),
        ("router", "10.0.0"),
        ("router", ""),
        ("domain-search", "a..b"),
        ("121", "10.1.0.0/16"),
        ("121", "10.1.0.1/16,10.0.0.9"),
        ("256", "1"),
        ("99999999999", "1"),
        ("54", "10.0.0.1"),  # the server says by itself who it is
        ("domain-name", ""),
    ],
)
def test_what_makes_no_sense_is_left_out(name: str, value: str) -> None:
    option = DhcpOption(name, value)
    assert not extra_options([option], 4, ipxe=False)
    assert not is_understood(option)


def test_what_is_for_a_kind_of_client_goes_before_what_is_for_all() -> None:
    options = [
        DhcpOption("tag:ipxe,67", "script"),
        DhcpOption("tag:!ipxe,67", "loader"),
        DhcpOption("67", "plain"),
    ]
    assert extra_options(options, 4, ipxe=True) == {67: b"script"}
    assert extra_options(options, 4, ipxe=False) == {67: b"loader"}
    assert all(map(is_understood, [*options, DhcpOption("dhcp_disabled", "false")]))
