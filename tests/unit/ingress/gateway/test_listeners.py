"""Gateways: addresses, listeners, certificates, and what is said of them."""

from polpo.testing.gateway_routes import Found, reasons
from polpo.testing.kubernetes.gateways import gateway, gateway_class, grant, listener, made
from polpo.testing.kubernetes.ingresses import secret, tls_secret
from polpo.testing.kubernetes.objects import Object

CLASS = gateway_class()
ALL_GOOD = {
    "Accepted": "Accepted",
    "ResolvedRefs": "ResolvedRefs",
    "Conflicted": "!NoConflicts",
    "Programmed": "Programmed",
}


def of(found: Found, name: str) -> dict[str, str]:
    return reasons(found.status("Gateway", name)["conditions"])


def test_a_gateway_of_our_class_gets_an_address_and_a_door() -> None:
    found = Found(CLASS, gateway("a", "HTTP:80"))
    (door,) = found.compiled.doors
    assert (door.address, door.port, door.tls, door.shared) == ("192.0.2.1", 80, False, False)
    status = found.status("Gateway", "a")
    assert status["addresses"] == [{"type": "IPAddress", "value": "192.0.2.1"}]
    assert of(found, "a") == {"Accepted": "Accepted", "Programmed": "Programmed"}
    assert found.of_listener("a") == ALL_GOOD
    assert all(c["observedGeneration"] == 1 for c in status["conditions"])


def test_gateways_of_other_classes_are_left_alone() -> None:
    found = Found(gateway_class("x", "example.com/x"), gateway("a", "HTTP:80", of="x"))
    assert found.compiled.statuses == ()
    assert found.compiled.doors == ()


def test_a_class_says_what_we_do_and_takes_no_parameters() -> None:
    status = Found(CLASS).status("GatewayClass", "polpo")
    assert {"name": "HTTPRoute"} in status["supportedFeatures"]
    asking = made("GatewayClass", "p", controllerName="polpo.dev/gateway", parametersRef={})
    conditions = Found(asking).status("GatewayClass", "p")["conditions"]
    assert reasons(conditions)["Accepted"] == "!InvalidParameters"


def test_a_gateway_keeps_its_address_and_the_last_gets_none() -> None:
    kept = gateway("b", "HTTP:80", born=2) | {"status": {"addresses": [{"value": "192.0.2.1"}]}}
    found = Found(CLASS, gateway("a", "HTTP:80", born=1), kept, gateway("c", "HTTP:80", born=3))
    given = [found.status("Gateway", name)["addresses"] for name in "abc"]
    assert [[a["value"] for a in one] for one in given] == [["192.0.2.2"], ["192.0.2.1"], []]
    assert of(found, "c")["Programmed"] == "!AddressNotAssigned"
    assert found.of_listener("c")["Programmed"] == "!Pending"


def test_an_address_may_be_asked_for_if_it_is_ours_and_free() -> None:
    asked = [{"type": "IPAddress", "value": "192.0.2.2"}]
    first = gateway("a", "HTTP:80", addresses=asked, born=1)
    found = Found(CLASS, first, gateway("b", "HTTP:80", addresses=asked, born=2))
    assert found.status("Gateway", "a")["addresses"][0]["value"] == "192.0.2.2"
    assert of(found, "b")["Programmed"] == "!AddressNotUsable"
    named = gateway("c", "HTTP:80", addresses=[{"type": "Hostname", "value": "x.example.com"}])
    assert of(Found(CLASS, named), "c")["Accepted"] == "!UnsupportedAddress"


def test_protocols_that_we_do_not_serve_are_said() -> None:
    found = Found(CLASS, gateway("a", "UDP:53", "HTTP:80", listener("TLS:443", mode="Terminate")))
    assert found.of_listener("a", 0)["Accepted"] == "!UnsupportedProtocol"
    assert found.of_listener("a", 2)["Accepted"] == "!UnsupportedValue"
    assert of(found, "a") == {"Accepted": "ListenersNotValid", "Programmed": "Programmed"}
    alone = Found(CLASS, gateway("a", "UDP:53"))
    assert of(alone, "a") == {"Accepted": "!ListenersNotValid", "Programmed": "!Invalid"}


def test_listeners_that_can_not_be_told_apart_are_none_of_them_served() -> None:
    same = Found(CLASS, gateway("a", "HTTP:80:x.example.com", "HTTP:80:X.example.com", "HTTP:81"))
    for number in (0, 1):
        said = same.of_listener("a", number)
        assert (said["Accepted"], said["Conflicted"]) == ("!HostnameConflict", "HostnameConflict")
    assert [door.port for door in same.compiled.doors] == [81]
    mixed = Found(CLASS, gateway("a", "HTTP:80", "HTTPS:80"))
    assert mixed.of_listener("a")["Accepted"] == "!ProtocolConflict"


def test_kinds_that_do_not_exist_are_said_and_the_others_taken() -> None:
    listeners = (listener("HTTP:80", kinds=["X"]), listener("HTTP:81", kinds=["X", "HTTPRoute"]))
    found = Found(CLASS, gateway("a", *listeners))
    said = found.status("Gateway", "a")["listeners"]
    assert [[kind["kind"] for kind in one["supportedKinds"]] for one in said] == [[], ["HTTPRoute"]]
    assert found.of_listener("a", 0)["Programmed"] == "!Invalid"
    assert found.of_listener("a", 1)["ResolvedRefs"] == "!InvalidRouteKinds"
    assert found.of_listener("a", 1)["Programmed"] == "Programmed"


def test_a_certificate_is_shown_at_its_listeners_door_for_its_listeners_name() -> None:
    listeners = ("HTTPS:443", "HTTPS:443:x.example.com")
    found = Found(CLASS, gateway("a", *listeners), tls_secret("cafe", "cafe.example.com"))
    (door,) = found.compiled.doors
    shown = {(c.hosts, c.door) for c in found.compiled.certificates}
    assert shown == {(("*",), door.name), (("x.example.com",), door.name)}


def test_a_listener_without_its_certificate_lets_nobody_in() -> None:
    found = Found(CLASS, gateway("a", "HTTPS:443"))
    assert found.of_listener("a")["ResolvedRefs"] == "!InvalidCertificateRef"
    assert found.of_listener("a")["Programmed"] == "!Invalid"
    assert found.compiled.doors == ()
    broken = secret("cafe", type="kubernetes.io/tls", tls_crt="x", tls_key="y")
    assert Found(CLASS, gateway("a", "HTTPS:443"), broken).of_listener("a")["ResolvedRefs"] == (
        "!InvalidCertificateRef"
    )


def test_another_namespaces_certificate_needs_a_grant() -> None:
    asking = gateway("a", listener("HTTPS:443", secret="safe/cafe"))
    theirs = tls_secret("cafe", "cafe.example.com", "safe")
    assert Found(CLASS, asking, theirs).of_listener("a")["ResolvedRefs"] == "!RefNotPermitted"
    for to, fits in {"Secret": True, "Secret cafe": True, "Secret x": False}.items():
        found = Found(CLASS, asking, theirs, grant("g", "safe", "Gateway default", to))
        assert (found.of_listener("a") == ALL_GOOD) is fits
    wrong = grant("g", "safe", "Gateway other", "Secret")
    assert Found(CLASS, asking, theirs, wrong).compiled.doors == ()


def test_a_gateway_that_asks_for_clients_certificates_is_not_served_without() -> None:
    tls: Object = {"frontend": {"default": {"validation": {"caCertificateRefs": []}}}}
    found = Found(CLASS, gateway("a", "HTTP:80", tls=tls))
    assert of(found, "a")["Accepted"] == "!Invalid"
    assert found.compiled.doors == ()
