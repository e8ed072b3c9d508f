"""What of a Service the network carries, as kube-proxy's documentation has it."""

import msgspec
import pytest

from polpo.kube import objects
from polpo.services.wanted import Backend, Port, Wanted, wanted
from polpo.testing.kubernetes.objects import Object, endpoints, external, service


def of(given: Object, *slices: Object) -> Wanted | None:
    given["metadata"]["uid"] = "u"
    found = msgspec.convert(given, objects.Service)
    return wanted(found, [msgspec.convert(s, objects.EndpointSlice) for s in slices])


def backends(given: Object, *slices: Object) -> list[tuple[Backend, ...]]:
    found = of(given, *slices)
    assert found is not None
    return [port.backends for port in found.ports]


def end(address: str, node: str = "", **conditions: bool) -> Object:
    more = {"nodeName": node} if node else {}
    return {"addresses": [address], "conditions": conditions, **more}


WEB = ("web", "default", "10.254.0.1")


def test_a_port_has_the_endpoints_of_its_name_and_their_port() -> None:
    given = service(*WEB, ports="http:tcp:80 dns:udp:53")
    first = endpoints("a", "web", ports="http:tcp:8080 dns:udp:5353", addresses=["10.100.0.1"])
    other = endpoints("b", "web", ports="http:tcp:9090", endpoints=[end("10.100.0.2", "n1")])
    assert of(given, first, other) == Wanted(
        "u",
        "default/web",
        ("10.254.0.1",),
        (
            Port("tcp", 80, (Backend("10.100.0.1", 8080), Backend("10.100.0.2", 9090, "n1"))),
            Port("udp", 53, (Backend("10.100.0.1", 5353),)),
        ),
    )


def test_an_unnamed_port_has_unnamed_ones() -> None:
    given = service(*WEB, ports=":tcp:80")
    found = backends(given, endpoints("a", "web", ports=":tcp:8080", addresses=["10.100.0.1"]))
    assert found == [(Backend("10.100.0.1", 8080),)]


@pytest.mark.parametrize(
    ("ends", "taken"),
    [
        ([end("10.0.0.1"), end("10.0.0.2", ready=False)], ["10.0.0.1"]),
        ([end("10.0.0.1", ready=False, serving=True, terminating=True)], ["10.0.0.1"]),
        ([end("10.0.0.1", ready=False, serving=False, terminating=True)], []),
        (
            [end("10.0.0.1", ready=False, serving=True, terminating=True), end("10.0.0.2")],
            ["10.0.0.2"],
        ),
        ([end("10.0.0.1", ready=False, serving=True)], []),
        ([{"addresses": []}], []),
    ],
)
def test_who_terminates_serves_only_while_nobody_is_ready(
    ends: list[Object], taken: list[str]
) -> None:
    given = service(*WEB, ports=":tcp:80")
    slice_ = endpoints("a", "web", ports=":tcp:80", addresses=["10.9.9.9"])
    slice_["endpoints"] = ends
    assert [b.address for b in backends(given, slice_)[0]] == taken


def test_both_families_are_carried() -> None:
    given = service("web", "default", "10.254.0.1", "fdfe::1", ports=":tcp:80")
    four = endpoints("a", "web", ports=":tcp:80", addresses=["10.100.0.1"])
    six = endpoints("b", "web", ports=":tcp:80", addresses=["fd00::1"])
    found = of(given, four, six)
    assert found is not None
    assert found.addresses == ("10.254.0.1", "fdfe::1")
    assert {b.address for b in found.ports[0].backends} == {"10.100.0.1", "fd00::1"}


def test_what_there_is_nothing_to_carry_of_is_left_out() -> None:
    assert of(service("web", "default", "None", ports=":tcp:80")) is None
    assert of(external("web", "example.com")) is None
    other = service(*WEB, labels={"service.kubernetes.io/service-proxy-name": "other"})
    assert of(other) is None
    found = of(service(*WEB, ports=":sctp:80 x:tcp:81"))
    assert found is not None
    assert [port.port for port in found.ports] == [81]


def test_affinity_and_policy_are_the_services() -> None:
    plain = of(service(*WEB, ports=":tcp:80", sessionAffinity="ClientIP"))
    timed = {"clientIP": {"timeoutSeconds": 5}}
    short = of(service(*WEB, sessionAffinity="ClientIP", sessionAffinityConfig=timed))
    local = of(service(*WEB, internalTrafficPolicy="Local"))
    assert plain is not None
    assert short is not None
    assert local is not None
    assert (plain.sticks_s, short.sticks_s, local.sticks_s) == (10_800, 5, 0)
    assert (plain.local, local.local) == (False, True)


def test_external_ips_are_addresses_too() -> None:
    found = of(service(*WEB, externalIPs=["203.0.113.9"]))
    assert found is not None
    assert found.addresses == ("10.254.0.1", "203.0.113.9")
