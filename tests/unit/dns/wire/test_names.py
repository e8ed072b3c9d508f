"""Names in wire form."""

from ipaddress import ip_address, ip_network

import pytest

from polpo.dns.wire import name as names
from polpo.dns.wire.reverse import address_of, reverse_name, reverse_zones


def test_a_name_in_text_is_a_row_of_lower_case_labels() -> None:
    assert names.from_text("Web.example.ORG.") == b"\3web\7example\3org\0"
    assert names.from_text("web.example.org") == names.from_text("web.example.org.")
    assert names.from_text(".") == names.from_text("") == b"\0"
    assert names.to_text(b"\3web\7example\3org\0") == "web.example.org."
    assert names.to_text(b"\0") == "."


def test_what_text_cannot_show_is_escaped() -> None:
    name = names.join([b"a.b", b"\\", b"\0x"])
    assert names.to_text(name) == r"a\.b.\\.\000x."
    assert names.from_text(names.to_text(name)) == name


@pytest.mark.parametrize(
    "text", ["a..b", ".a", "x" * 64, ".".join(["x" * 60] * 5), "a\\", "a\\999", ".."]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name|label|byte"):
        names.from_text(text)


def test_parents_and_suffixes_go_to_the_root() -> None:
    name = names.from_text("a.b.c")
    assert [names.to_text(n) for n in names.suffixes(name)] == ["a.b.c.", "b.c.", "c.", "."]
    assert names.parent(name) == names.from_text("b.c")
    assert names.parent(b"\0") == b"\0"
    assert names.labels(name) == [b"a", b"b", b"c"]
    assert names.prepend(b"a", names.from_text("b.c")) == name


def test_a_name_is_within_a_zone_at_labels_borders_only() -> None:
    zone = names.from_text("example.org")
    assert names.is_within(zone, zone)
    assert names.is_within(names.from_text("a.b.example.org"), zone)
    assert names.is_within(zone, names.ROOT)
    assert not names.is_within(names.from_text("org"), zone)
    assert not names.is_within(names.from_text("badexample.org"), zone)
    inner = b"\x0f" + b"aaa\7example\3org" + b"\0"  # one label that looks like the zone inside
    assert not names.is_within(inner, zone)


@pytest.mark.parametrize("text", ["10.254.0.1", "2001:db8::1", "0.0.0.0"])
def test_an_address_has_a_reverse_name_and_back(text: str) -> None:
    assert address_of(reverse_name(text)) == ip_address(text)


@pytest.mark.parametrize(
    "text", ["1.2.3.in-addr.arpa", "300.2.3.4.in-addr.arpa", "x.ip6.arpa", "a.b"]
)
def test_other_names_are_no_address(text: str) -> None:
    assert address_of(names.from_text(text)) is None


@pytest.mark.parametrize(
    ("network", "zones"),
    [
        ("10.254.0.0/16", ["254.10.in-addr.arpa."]),
        ("10.0.4.0/22", [f"{n}.0.10.in-addr.arpa." for n in (4, 5, 6, 7)]),
        ("10.0.0.0/24", ["0.0.10.in-addr.arpa."]),
        ("10.0.0.7/32", ["7.0.0.10.in-addr.arpa."]),
        ("2001:db8::/31", [f"{n}.b.d.0.1.0.0.2.ip6.arpa." for n in "89"]),
        ("0.0.0.0/0", ["in-addr.arpa."]),
    ],
)
def test_a_network_is_its_reverse_zones(network: str, zones: list[str]) -> None:
    assert [names.to_text(zone) for zone in reverse_zones(ip_network(network))] == zones
