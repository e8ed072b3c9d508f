"""Traces through the compiled rows of a small cloud."""

from msgspec.structs import replace

from polpo.model.network import HostRoute
from polpo.model.object import Object
from polpo.model.port import AddressPair
from polpo.testing.traced import PORTS, ROUTER, port, rule, snapshot
from polpo.trace.engine import trace
from polpo.trace.values import Question, Trace
from polpo.trace.world import Seen, World

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def ask(
    to: str,
    *more: Object,
    by: str = "a1",
    protocol: int = TCP,
    number: int = 80,
    seen: Seen | None = None,
) -> Trace:
    return trace(World(snapshot(*more), seen or Seen()), Question(by, to, protocol, number))


def told(found: Trace) -> list[str]:
    """Each step in a line: kind, name, text, host."""
    named = ((s, f" {s.about.id}" if s.about else "") for s in found.steps)
    return [f"{step.kind}:{name} {step.text} @{step.host}" for step, name in named]


def end(found: Trace) -> tuple[str, str, str]:
    """Verdict, reason, who said it."""
    about = found.steps[-1].about
    return found.verdict, found.reason, about.id if about else ""


def test_a_routed_connection_to_another_host() -> None:
    assert told(ask("10.1.0.22")) == [
        "port: a1 sends from 10.0.0.11 @h1",
        "next hop: blue4 has 0.0.0.0/0 by way of 10.0.0.1 @h1",
        "rule: clients-out lets it out: tcp 80 to 10.1.0.22 @h1",
        "route: r has 10.1.0.1/24 on the link @h1",
        "tunnel: h2 gets it through the tunnel to 192.0.2.2 @h1",
        "rule: web-in lets it in: tcp 80 from 10.0.0.11 @h2",
        "deliver: b2 gets it @h2",
    ]
    assert ask("10.1.0.22").verdict == "delivered"


def test_numbers_of_networks_are_with_routes_and_tunnels() -> None:
    assert [(step.kind, step.vni) for step in ask("10.1.0.22").steps if step.vni] == [
        ("route", 8),
        ("tunnel", 8),
    ]


def test_a_connection_within_a_network_and_on_one_host() -> None:
    assert told(ask("10.0.0.12"))[1] == "next hop: blue4 has 10.0.0.0/24 on the link @h1"
    assert [step.kind for step in ask("10.0.0.12").steps] == [
        *("port", "next hop", "rule", "tunnel", "rule", "deliver"),
    ]
    kinds = [step.kind for step in ask("10.1.0.21").steps]
    assert kinds == ["port", "next hop", "rule", "route", "rule", "deliver"]


def test_ipv6() -> None:
    found = ask("fd01::16")
    assert end(found) == ("delivered", "", "b2")
    assert "rule: web-in6 lets it in: tcp 80 from fd00::b @h2" in told(found)


def test_what_no_rule_lets_in_is_dropped_at_the_receiver() -> None:
    found = ask("10.1.0.22", number=443)
    assert end(found) == ("dropped", "ingress_policy", "b2")
    assert found.steps[-1].host == "h2"
    assert end(ask("10.0.0.12", by="b1")) == ("dropped", "ingress_policy", "a2"), "no client"
    assert end(ask("10.1.0.23")) == ("dropped", "ingress_policy", "b3"), "a group without rules"


def test_what_no_rule_lets_out_is_dropped_before_routers() -> None:
    found = ask("9.9.9.9", by="b1")
    assert end(found) == ("dropped", "egress_policy", "b1")
    assert "route" not in [step.kind for step in found.steps]


def test_rules_by_prefix_and_by_protocol() -> None:
    assert "rule: web-ping lets it in: icmp from 10.0.0.11 @h2" in told(
        ask("10.0.0.12", protocol=ICMP)
    )
    assert end(ask("10.0.0.12", protocol=UDP)) == ("dropped", "ingress_policy", "a2")


def test_the_rule_is_one_of_the_ports_own_groups() -> None:
    other = rule("other-in", "other", "ingress")
    first = rule("0-first", "web", "ingress", protocol="tcp")
    assert "rule: 0-first lets it in: tcp 80 from 10.0.0.11 @h2" in told(
        ask("10.1.0.22", other, first)
    )


def test_routers_have_their_say() -> None:
    assert end(ask("9.9.9.9")) == ("dropped", "no_route", "r")
    assert end(ask("10.1.0.99")) == ("dropped", "unreachable", "r")
    assert end(ask("10.1.0.1")) == ("dropped", "for_router", "r")
    assert end(ask("10.1.0.1", protocol=ICMP)) == ("answered", "", "r")


def test_a_source_that_the_router_has_elsewhere() -> None:
    astray = replace(ROUTER, routes=(HostRoute("10.0.0.11/32", "10.1.0.21"),))
    assert end(ask("10.1.0.22", astray)) == ("dropped", "reverse_path", "r")


def test_an_extra_route() -> None:
    routed = replace(ROUTER, routes=(HostRoute("172.16.0.0/12", "10.1.0.21"),))
    found = ask("172.16.0.1", routed, number=80)
    assert "route: r has 172.16.0.0/12 by way of 10.1.0.21 @h1" in told(found)
    assert end(found) == ("delivered", "", "b1")


def test_a_subnets_host_route_goes_before_its_gateway() -> None:
    nine = replace(port("a2", 9, "web"), id="a9")
    found = ask("10.9.1.1", nine)
    assert "next hop: blue4 has 10.9.0.0/16 by way of 10.0.0.9 @h1" in told(found)
    assert end(found) == ("delivered", "", "a9")


def test_the_metadata_service_is_on_every_link() -> None:
    answer = "answer: h1 has the metadata service, which answers @h1"
    for service in ("169.254.169.254", "fe80::a9fe:a9fe"):
        found = ask(service)
        assert told(found)[-1] == answer
        assert "next hop" in told(found)[1]
        assert "rule" in told(found)[2]
        assert found.verdict == "answered"
    assert end(ask("169.254.169.254", number=22))[1] == "unknown_destination"


def test_who_sends_nothing() -> None:
    a1 = PORTS[0]
    assert end(ask("10.1.0.22", replace(a1, host=""))) == ("dropped", "unbound", "a1")
    assert end(ask("10.1.0.22", replace(a1, host="gone"))) == ("dropped", "unbound", "a1")
    assert end(ask("10.1.0.22", seen=Seen(plugged=frozenset()))) == ("dropped", "unplugged", "a1")
    assert end(ask("10.0.0.11")) == ("delivered", "", "a1"), "its own address"
    four = replace(a1, fixed_ips=a1.fixed_ips[:1])
    assert end(ask("fd01::16", four)) == ("dropped", "no_way", "a1")
    assert end(ask("10.0.0.99")) == ("dropped", "unresolved", "blue")
    down = replace(a1, admin_state_up=False)
    assert end(ask("10.1.0.22", down)) == ("dropped", "admin_down", "a1")


def test_who_gets_nothing() -> None:
    plugged = Seen(plugged=frozenset({"a1", "b1"}))
    found = ask("10.1.0.22", seen=plugged)
    assert end(found) == ("dropped", "unknown_destination", "b2")
    assert found.steps[-1].text == "is not plugged in"
    for to, number in (("10.1.0.22", 3), ("10.1.0.21", 2), ("10.0.0.12", 1)):
        down = replace(PORTS[number], admin_state_up=False)
        assert end(ask(to, down)) == ("dropped", "destination_down", down.id)


def test_a_host_that_is_silent_is_told_of() -> None:
    found = ask("10.1.0.22", seen=Seen(silent=frozenset({"h2"})))
    (tunnel,) = (step for step in found.steps if step.kind == "tunnel")
    assert tunnel.text.endswith("; its agent has not been heard of late")


def test_without_port_security_there_are_no_rules() -> None:
    free = replace(PORTS[0], port_security_enabled=False, security_groups=())
    found = ask("10.1.0.22", free)
    assert told(found)[0] == "port: a1 sends from 10.0.0.11, without port security: no rules @h1"
    assert end(found)[:2] == ("dropped", "ingress_policy"), "it is in no group"


def test_an_address_that_moves_is_where_it_was_seen() -> None:
    shared = AddressPair("10.0.0.100")
    a2 = replace(PORTS[1], allowed_address_pairs=(shared,))
    assert end(ask("10.0.0.100", a2)) == ("dropped", "unresolved", "blue")
    seen = Seen(moved=((7, "10.0.0.100", "a2"),))
    assert end(ask("10.0.0.100", a2, seen=seen)) == ("delivered", "", "a2")
