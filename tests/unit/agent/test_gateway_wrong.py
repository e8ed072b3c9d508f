"""Which connections a gateway's row does not allow, and where a change of the row has us look."""

import socket
from ipaddress import IPv4Address

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agent.test_gateway import ROW

from polpo.agent.gateway.revoked import Revoked, revoked
from polpo.agent.gateway.wrong import Allowed
from polpo.kernel.conntrack import Connection
from polpo.target.forwarding import Forwarding
from polpo.target.rows import Gateway

TCP, UDP, VRRP = 6, 17, 112
ROUTER, FLOATING, FORWARDED = "203.0.113.5", "203.0.113.9", "203.0.113.8"
OUT, HELD, PLAIN, SCOPED = "198.51.100.1", "10.0.0.9", "10.0.0.1", "10.9.0.1"


def changed(**fields: object) -> Gateway:
    return msgspec.structs.replace(ROW, **fields)


ALL = changed(
    forwardings=(Forwarding(FORWARDED, "tcp", 80, 81, PLAIN, 8080),),
    routed=("fd00::/64", "10.9.0.0/24"),
)


def packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def connection(
    source: str,
    destination: str,
    answers: str = "",
    answered: str = "",
    ports: tuple[int, int] = (443, 443),
    protocol: int = TCP,
) -> Connection:
    """`answers` and `answered` where they are translated; ports outside and inside."""
    return Connection(
        protocol,
        packed(source),
        packed(destination),
        ports[0],
        packed(answers or destination),
        ports[1],
        packed(answered or source),
    )


def is_wrong(row: Gateway, *words: str, **more: tuple[int, int]) -> bool:
    return Allowed(row).is_wrong(connection(*words, **more))  # type: ignore[arg-type]


def test_what_the_rules_make_is_allowed() -> None:
    for words in (
        (PLAIN, OUT, "", ROUTER),
        (HELD, OUT, "", FLOATING),
        (OUT, FLOATING, HELD),
        (PLAIN, FLOATING, HELD, ROUTER),  # hairpins
        (HELD, FLOATING, HELD, FLOATING),
        (SCOPED, FLOATING, HELD, ROUTER),
        (SCOPED, OUT),
        (OUT, SCOPED),
        ("fd00::1", "2001:db8:1::1"),
        ("2001:db8:1::1", "fd00::1"),
    ):
        assert not is_wrong(ALL, *words), words
    assert not is_wrong(ALL, OUT, FORWARDED, PLAIN, ports=(81, 8081))


def test_the_gateways_own_connections_are_allowed() -> None:
    for words in (
        (PLAIN, ROUTER),
        (OUT, ROUTER),
        (ROUTER, OUT),
        ("169.254.0.3", "169.254.0.4"),
        (HELD, "169.254.0.2"),
        ("fd00::1", "2001:db8::5"),
        ("fe80::1", "ff02::16"),
    ):
        assert not is_wrong(ALL, *words), words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"snat": ()}, (PLAIN, OUT, "", ROUTER)),
        ({"external": ("203.0.113.6/24",)}, (PLAIN, OUT, "", ROUTER)),
        ({"floating": ()}, (HELD, OUT, "", FLOATING)),
        ({"floating": ()}, (OUT, FLOATING, HELD)),
        ({"floating": ((FLOATING, PLAIN),)}, (OUT, FLOATING, HELD)),
        ({"floating": ((FLOATING, PLAIN),)}, (PLAIN, OUT, "", ROUTER)),
        ({"routed": ()}, (SCOPED, OUT)),
        ({"routed": ()}, (OUT, SCOPED)),
        ({"routed": ()}, ("fd00::1", "2001:db8:1::1")),
        ({"snat": ("10.0.0.0/24", "10.9.0.0/24")}, (SCOPED, OUT)),
    ],
)
def test_what_they_make_no_more_is_wrong(fields: dict[str, object], words: tuple[str, ...]) -> None:
    assert not is_wrong(ALL, *words)
    assert is_wrong(msgspec.structs.replace(ALL, **fields), *words)


def test_forwarded_ports_lead_to_where_they_do_now() -> None:
    was = (OUT, FORWARDED, PLAIN)
    assert is_wrong(ALL, *was, ports=(80, 8081))
    assert is_wrong(ALL, *was, ports=(82, 8082))
    assert is_wrong(changed(forwardings=()), *was, ports=(80, 8080))
    by_floating = changed(forwardings=(Forwarding(FLOATING, "tcp", 80, 80, PLAIN, 80),))
    assert is_wrong(by_floating, OUT, FLOATING, HELD, ports=(80, 80)), "they go first"
    assert not is_wrong(by_floating, OUT, FLOATING, HELD, ports=(81, 81))


def test_a_standbys_untranslated_entry_is_wrong() -> None:
    """One made in the moment in which the route outside came or went."""
    assert is_wrong(ALL, PLAIN, OUT)
    assert is_wrong(ALL, OUT, FLOATING)


def test_a_change_has_us_look_at_what_it_is_about_alone() -> None:
    look = Revoked(frozenset({IPv4Address(HELD)}), frozenset({IPv4Address(FLOATING)}))
    assert revoked(ROW, changed(floating=())) == look
    assert revoked(changed(floating=()), ROW) == look
    assert revoked(ROW, changed(priority=1)) == Revoked()
    forwarded = revoked(ALL, msgspec.structs.replace(ALL, forwardings=()))
    assert forwarded == Revoked(destinations=frozenset({IPv4Address(FORWARDED)}))
    many = tuple((f"203.0.113.{n}", f"10.0.0.{n}") for n in range(3))
    assert revoked(ROW, changed(floating=many)) == Revoked(everything=True)


FIXED, OUTSIDE = [PLAIN, HELD, SCOPED], [ROUTER, FLOATING, FORWARDED]
pairs = st.tuples(st.sampled_from(OUTSIDE), st.sampled_from(FIXED))
forwardings = st.builds(
    Forwarding,
    st.sampled_from(OUTSIDE),
    st.sampled_from(["tcp", "udp"]),
    st.just(80),
    st.integers(80, 81),
    st.sampled_from(FIXED),
    st.sampled_from([80, 81]),
)
prefixes = st.lists(st.sampled_from(["10.0.0.0/24", "10.9.0.0/24"]), max_size=2).map(tuple)
fields = {
    "floating": st.lists(pairs, max_size=3).map(tuple),
    "forwardings": st.lists(forwardings, max_size=2).map(tuple),
    "external": st.sampled_from([(f"{ROUTER}/24",), (f"{FORWARDED}/24", f"{ROUTER}/24"), ()]),
    "snat": prefixes,
    "routed": prefixes,
}
rows = st.fixed_dictionaries(fields).map(lambda found: changed(**found))
changes = st.fixed_dictionaries({}, optional=fields)
CONNECTIONS = [
    connection(source, to, answers, answered, (port, inner), protocol)
    for source in (*FIXED, OUT, "169.254.0.3")
    for to in (*OUTSIDE, OUT, SCOPED)
    for answers in (to, *FIXED)
    for answered in (source, *OUTSIDE)
    for port, inner in ((80, 80), (80, 81), (81, 81))
    for protocol in (TCP, UDP)
]


@given(rows, changes)
def test_all_that_a_change_makes_wrong_is_looked_at(
    before: Gateway, change: dict[str, object]
) -> None:
    now = msgspec.structs.replace(before, **change)
    look, former, new = revoked(before, now), Allowed(before), Allowed(now)
    if look.everything:
        return
    for c in CONNECTIONS:
        if new.is_wrong(c) and not former.is_wrong(c):
            source, destination = IPv4Address(c.source), IPv4Address(c.destination)
            assert source in look.sources or destination in look.destinations
