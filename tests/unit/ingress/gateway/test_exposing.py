"""Gateways of a controller that is pods: a Service each, and ports of their own."""

from polpo.ingress.gateway.exposing import FIRST, Exposure
from polpo.testing.gateway_routes import Found, reasons
from polpo.testing.kubernetes.gateways import gateway, gateway_class
from polpo.testing.kubernetes.objects import Object

CLASS = gateway_class()
PODS = Exposure(namespace="polpo", selector=(("app", "ingress"),), annotations=(("x/y", "z"),))


def found(*given: Object) -> Found:
    return Found(CLASS, *given, pool=(), exposure=PODS)


def there(of: Found, number: int = 0, status: Object | None = None) -> Object:
    """A Service as it is then in the cluster."""
    body = of.compiled.services[number]
    listed = {"loadBalancer": {"ingress": [status] if status else []}}
    return {"kind": "Service", "apiVersion": "v1", "status": listed} | body


def test_a_gateway_gets_a_service_with_ports_that_no_other_has() -> None:
    made = found(gateway("a", "HTTP:80", "HTTP:8080", born=1), gateway("b", "HTTP:80", born=2))
    a, b = made.compiled.services
    assert (a["metadata"]["namespace"], a["spec"]["selector"]) == ("polpo", {"app": "ingress"})
    assert [(p["port"], p["targetPort"]) for p in a["spec"]["ports"]] == [
        (80, FIRST),
        (8080, FIRST + 1),
    ]
    assert [p["targetPort"] for p in b["spec"]["ports"]] == [FIRST + 2]
    assert made.compiled.doors == ()


def test_doors_are_where_the_service_says_and_clients_know_another_port() -> None:
    given = gateway("a", "HTTP:80")
    made = found(given, there(found(given)))
    (door,) = made.compiled.doors
    assert (door.address, door.port, door.public) == ("", FIRST, 80)
    said = reasons(made.status("Gateway", "a")["conditions"])
    assert said["Programmed"] == "!AddressNotAssigned"


def test_the_services_address_is_the_gateways() -> None:
    given = gateway("a", "HTTP:80")
    for address, kind in (({"ip": "203.0.113.9"}, "IPAddress"), ({"hostname": "x.example.com"}, "Hostname")):  # fmt: skip # noqa: E501
        status = found(given, there(found(given), 0, address)).status("Gateway", "a")
        assert status["addresses"] == [{"type": kind, "value": next(iter(address.values()))}]
        assert reasons(status["conditions"])["Programmed"] == "Programmed"


def test_a_port_is_kept_whoever_comes_and_goes() -> None:
    a, b = gateway("a", "HTTP:80", born=1), gateway("b", "HTTP:80", born=2)
    both = found(a, b)
    later = found(b, gateway("c", "HTTP:80", born=3), there(both, 0), there(both, 1))
    ports = [one["spec"]["ports"][0]["targetPort"] for one in later.compiled.services]
    assert ports == [FIRST + 1, FIRST]
    assert later.compiled.stale == (both.compiled.services[0]["metadata"]["name"],)


def test_other_services_are_nobodys_business() -> None:
    theirs = there(found(gateway("a", "HTTP:80")))
    theirs["metadata"] = theirs["metadata"] | {"labels": {}}
    assert found(theirs).compiled.stale == ()


def test_labels_annotations_and_an_address_are_handed_on() -> None:
    asked = {"labels": {"team": "x"}, "annotations": {"example.com/a": "b"}}
    addresses = [{"type": "IPAddress", "value": "203.0.113.9"}]
    given = gateway("a", "HTTP:80", infrastructure=asked, addresses=addresses)
    (service,) = found(given).compiled.services
    assert service["metadata"]["labels"]["team"] == "x"
    assert service["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] == "a"
    assert service["metadata"]["annotations"] == {"example.com/a": "b", "x/y": "z"}
    assert service["spec"]["loadBalancerIP"] == "203.0.113.9"
