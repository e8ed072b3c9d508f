"""What of a Service the network carries, as kube-proxy's documentation has it."""

from typing import Any

import msgspec
import pytest

from polpo.kube import objects
from polpo.model.service import ServiceBackend as Backend
from polpo.model.service import ServicePort as Port
from polpo.model.told import ToldService
from polpo.services.wanted import left_out, wanted
from polpo.testing.kubernetes.objects import Object, endpoints, external, service


def of(given: Object, *slices: Object) -> ToldService | None:
    given["metadata"]["uid"] = "u"
    found = msgspec.convert(given, objects.Service)
    return wanted(found, [msgspec.convert(s, objects.EndpointSlice) for s in slices])


def backends(given: Object, *slices: Object) -> list[tuple[Backend, ...]]:
    found = of(given, *slices)
    assert found is not None
    return [port.backends for port in found.ports]


def end(address: str, node: str = "", **conditions: Any) -> Object:
    more = {"nodeName": node} if node else {}
    return {"addresses": [address], "conditions": conditions, **more}


WEB = ("web", "default", "10.254.0.1")


def test_a_port_has_the_endpoints_of_its_name_and_their_port() -> None:
    given = service(*WEB, ports="http:tcp:80 dns:udp:53")
    first = endpoints("a", "web", ports="http:tcp:8080 dns:udp:5353", addresses=["10.100.0.1"])
    other = endpoints("b", "web", ports="http:tcp:9090", endpoints=[end("10.100.0.2", "n1")])
    assert of(given, first, other) == ToldService(
        "u",
        "default/web",
        ("10.254.0.1",),
        (
            Port(
                "tcp",
                80,
                (Backend("10.100.0.1", 8080), Backend("10.100.0.2", 9090, "n1")),
            ),
            Port("udp", 53, (Backend("10.100.0.1", 5353),)),
        ),
    )


def test_an_unnamed_port_has_unnamed_ones() -> None:
    given = service(*WEB, ports=":tcp:80")
    found = backends(given, endpoints("a", "web", ports=":tcp:8080", addresses=["10.100.0.1"]))
    assert found == [(Backend("10.100.0.1", 8080),)]


LEAVING: dict[str, Any] = {"ready": False, "serving": True, "terminating": True}


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        (end("10.0.0.1"), (True, False)),
        (end("10.0.0.1", ready=True, serving=True), (True, False)),
        (end("10.0.0.1", ready=True, serving=False), (True, False)),  # publishNotReadyAddresses
        (end("10.0.0.1", ready=True, serving=False, terminating=True), (True, False)),
        (end("10.0.0.1", **LEAVING), (True, True)),
        (end("10.0.0.1", ready=False, serving=False, terminating=True), (False, False)),
        (end("10.0.0.1", ready=False, serving=True), (False, False)),
        ({"addresses": []}, None),
    ],
)
def test_who_terminates_is_spare_and_who_is_not_ready_only_keeps_what_it_has(
    ends: Object, wanted: tuple[bool, bool] | None
) -> None:
    slice_ = endpoints("a", "web", ports=":tcp:80")
    slice_["endpoints"] = [ends]
    found = backends(service(*WEB, ports=":tcp:80"), slice_)[0]
    assert [(b.up, b.spare) for b in found] == ([wanted] if wanted else [])


def test_an_endpoint_that_is_in_two_slices_is_as_good_as_the_better_one() -> None:
    first = endpoints("a", "web", ports=":tcp:80", endpoints=[end("10.0.0.1", **LEAVING)])
    second = endpoints("b", "web", ports=":tcp:80", endpoints=[end("10.0.0.1", "n1")])
    for slices in ((first, second), (second, first)):
        found = backends(service(*WEB, ports=":tcp:80"), *slices)
        assert found == [(Backend("10.0.0.1", 80, "n1"),)]


def test_whom_an_endpoint_is_meant_for_is_carried() -> None:
    hints = {"forZones": [{"name": "b"}, {"name": "a"}], "forNodes": [{"name": "n1"}]}
    slice_ = endpoints("a", "web", ports=":tcp:80", endpoints=[end("10.0.0.1") | {"hints": hints}])
    (found,) = backends(service(*WEB, ports=":tcp:80"), slice_)
    assert found == (Backend("10.0.0.1", 80, zones=("a", "b"), nodes=("n1",)),)


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
    mixed = service(*WEB, ports=":sctp:80 x:tcp:81")
    found = of(mixed)
    assert found is not None
    assert [port.port for port in found.ports] == [81]
    assert left_out(msgspec.convert(mixed, objects.Service)) == ("port 80/SCTP",)


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


def test_external_ips_are_for_guests_too() -> None:
    found = of(service(*WEB, externalIPs=["203.0.113.9"]))
    assert found is not None
    assert (found.addresses, found.external) == (("10.254.0.1",), ("203.0.113.9",))
    assert found.guests == "cluster"


def test_a_node_port_is_at_every_host() -> None:
    given = service(*WEB, ports=":tcp:80", type="NodePort", externalTrafficPolicy="Local")
    given["spec"]["ports"][0]["nodePort"] = 30080
    found = of(given)
    assert found is not None
    assert (found.ports[0].node_port, found.guests, found.health_port) == (30080, "local", 0)
    given["spec"]["type"] = "ClusterIP"  # whatever is left of what it was
    assert of(given) == ToldService("u", "default/web", ("10.254.0.1",), (Port("tcp", 80),))


def test_a_load_balancers_addresses_are_the_services_unless_it_is_a_proxy() -> None:
    given = service(*WEB, ports=":tcp:80", type="LoadBalancer")
    given["spec"] |= {
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 32000,
        "loadBalancerSourceRanges": ["192.0.2.7/24", " 198.51.100.0/24 "],
    }
    ingress = [
        {"ip": "203.0.113.7"},
        {"ip": "203.0.113.8", "ipMode": "Proxy"},
        {"ip": "203.0.113.9", "ipMode": "VIP"},
        {"hostname": "lb.example"},
    ]
    given["status"] = {"loadBalancer": {"ingress": ingress}}
    found = of(given)
    assert found is not None
    assert found.balanced == ("203.0.113.7", "203.0.113.9")
    assert found.sources == ("192.0.2.0/24", "198.51.100.0/24")
    assert (found.guests, found.health_port) == ("local", 32000)
    given["status"] = {}
    assert (found := of(given)) is not None
    assert (found.balanced, found.sources) == ((), ())
