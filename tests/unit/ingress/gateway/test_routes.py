"""HTTPRoute, GRPCRoute and TLSRoute: whom a request reaches, and what is said of the route."""

from typing import Any

from polpo.ingress.plan import Condition
from polpo.testing.gateway_routes import Found
from polpo.testing.kubernetes.gateways import (
    backend,
    gateway,
    gateway_class,
    grant,
    listener,
    route,
    rule,
    tls_policy,
)
from polpo.testing.kubernetes.ingresses import config_map, tls_secret
from polpo.testing.kubernetes.objects import Object, namespace, service

CLASS = gateway_class()
TEA, COFFEE = (service(name, ports="http:tcp:80") for name in ("tea", "coffee"))
HOST = "cafe.example.com"


def http(name: str, *rules: Object, **of: Any) -> Object:
    return route("HTTPRoute", name, of.pop("parent", "a"), *rules, **of)


def found(*given: Object) -> Found:
    plain = [] if any(one["kind"] == "Gateway" for one in given) else [gateway("a", "HTTP:80")]
    return Found(CLASS, TEA, COFFEE, *plain, *given)


def test_paths_are_exact_or_whole_elements_of_the_longest_prefix() -> None:
    rules = (rule("/", "tea:80"), rule("/x", "coffee:80"), rule("=/x/y", "tea:80"))
    made = found(http("r", *rules, hosts=[HOST]))
    for path, to in {"/": "tea", "/x": "coffee", "/x/y": "tea", "/x/y/z": "coffee", "/xy": "tea"}.items():  # fmt: skip # noqa: E501
        assert made.where(80, HOST, path) == to, path
    assert made.where(80, "other.example.com", "/") == ""
    assert made.of_route("HTTPRoute", "r") == {
        "Accepted": "Accepted",
        "ResolvedRefs": "ResolvedRefs",
    }
    assert made.status("Gateway", "a")["listeners"][0]["attachedRoutes"] == 1


def test_the_more_special_match_comes_first_then_the_older_route() -> None:
    header = {"headers": [{"name": "X", "value": "1"}]}
    method = {"method": "POST"}
    made = found(
        http("b", rule("/", "tea:80"), rule("/", "coffee:80", match=header), born=1),
        http("a", rule("/", "tea:80", match=method), rule("/", "coffee:80"), born=2),
    )
    (group,) = made.table.groups
    assert made.choices(group) == [
        ((Condition("method", "", "POST"),), "tea"),
        ((Condition("header", "X", "1"),), "coffee"),
        ((), "tea"),
    ]


def test_the_first_of_headers_by_one_name_counts() -> None:
    twice = {"headers": [{"name": "X", "value": "1"}, {"name": "x", "value": "2"}]}
    made = found(http("r", rule("/", "tea:80", match=twice)))
    (group,) = made.table.groups
    assert made.choices(group)[0][0] == (Condition("header", "X", "1"),)


def test_names_are_those_that_listener_and_route_both_have() -> None:
    given = gateway("a", "HTTP:80:*.example.com")
    made = found(given, http("r", rule("/", "tea:80"), hosts=["example.org", "*.b.example.com"]))
    assert made.where(80, "x.y.b.example.com", "/") == "tea"
    assert made.where(80, "x.example.com", "/") == ""
    other = found(given, http("r", rule("/", "tea:80"), hosts=["example.org"]))
    assert other.of_route("HTTPRoute", "r")["Accepted"] == "!NoMatchingListenerHostname"
    assert other.status("Gateway", "a")["listeners"][0]["attachedRoutes"] == 0


def test_a_more_special_listener_keeps_its_names_for_itself() -> None:
    given = gateway("a", "HTTP:80", "HTTP:80:*.example.com", "HTTP:80:cafe.example.com")
    wide = http("w", rule("/", "tea:80"), parent="a#http-80", hosts=[HOST, "example.org"])
    made = found(
        given, wide, http("n", rule("/n", "coffee:80"), parent="a#http-80-any.example.com")
    )
    assert made.where(80, "example.org", "/") == "tea"
    assert made.where(80, HOST, "/") == ""
    assert made.where(80, HOST, "/n") == ""
    assert made.where(80, "x.example.com", "/n") == "coffee"
    assert made.where(80, "x.example.com", "/") == ""


def test_routes_of_other_namespaces_have_to_be_allowed() -> None:
    same = found(http("r", rule("/", "tea:80"), parent="default/a", namespace="other"))
    assert same.status("HTTPRoute", "r", "other")["parents"][0]["conditions"][0]["reason"] == (
        "NotAllowedByListeners"
    )
    chosen = {"from": "Selector", "selector": {"matchLabels": {"team": "x"}}}
    for labels, reason in (({"team": "x"}, "Accepted"), ({"team": "y"}, "!NotAllowedByListeners")):
        made = found(
            gateway("a", listener("HTTP:80", allowed=chosen)),
            namespace("other", **labels),
            http("r", rule("/", "tea:80"), parent="default/a", namespace="other"),
        )
        assert made.of_route("HTTPRoute", "r", "other")["Accepted"] == reason


def test_a_parent_that_is_not_there_is_said_and_one_that_is_not_ours_is_not() -> None:
    made = found(http("r", rule("/", "tea:80"), parent="a#nobody"))
    assert made.of_route("HTTPRoute", "r")["Accepted"] == "!NoMatchingParent"
    assert not [s for s in found(http("r", parent="b")).compiled.statuses if s.kind == "HTTPRoute"]


def test_who_is_not_there_answers_with_an_error_and_not_with_somebody_else() -> None:
    made = found(http("r", rule("/", "tea:80", "nobody:80")))
    ((_, shares),) = made.table.splits.items()
    assert [grains for _, grains in shares] == [500, 500]
    assert made.table.backends[shares[1][0]].target is None
    assert made.of_route("HTTPRoute", "r")["ResolvedRefs"] == "!BackendNotFound"
    for ref, reason in ((backend("tea:81"), "BackendNotFound"), (backend("tea:80") | {"kind": "X"}, "InvalidKind")):  # fmt: skip # noqa: E501
        other = found(http("r", rule("/") | {"backendRefs": [ref]}))
        assert other.of_route("HTTPRoute", "r")["ResolvedRefs"] == f"!{reason}"
        assert other.where(80, HOST, "/").startswith("b.")


def test_another_namespaces_service_needs_a_grant() -> None:
    theirs = service("cake", "bakery", ports="http:tcp:80")
    asking = http("r", rule("/", "bakery/cake:80"))
    refused = found(theirs, asking)
    assert refused.of_route("HTTPRoute", "r")["ResolvedRefs"] == "!RefNotPermitted"
    granted = found(theirs, asking, grant("g", "bakery", "HTTPRoute default", "Service cake"))
    assert granted.where(80, HOST, "/") == "cake"


def test_weights_are_shares_and_nought_for_all_is_an_error() -> None:
    made = found(http("r", rule("/", "tea:80*9", "coffee:80*1")))
    ((_, shares),) = made.table.splits.items()
    assert [grains for _, grains in shares] == [900, 100]
    none = found(http("r", rule("/", "tea:80*0")))
    assert none.where(80, HOST, "/").startswith("b.")


def test_a_filter_that_we_do_not_know_refuses_the_route() -> None:
    new = {"type": "ExternalAuth", "externalAuth": {"protocol": "GRPC"}}
    made = found(http("r", rule("/", "tea:80", filters=[new])), http("s", rule("/s", "tea:80")))
    assert made.of_route("HTTPRoute", "r")["Accepted"] == "!UnsupportedValue"
    assert made.where(80, HOST, "/") == ""
    assert made.where(80, HOST, "/s") == "tea"


def test_a_mirror_that_is_not_there_is_said_and_the_route_goes_on() -> None:
    def mirror(name: str) -> Object:
        return {
            "type": "RequestMirror",
            "requestMirror": {"backendRef": {"name": name, "port": 80}, "percent": 50},
        }

    there = found(http("r", rule("/", "tea:80", filters=[mirror("coffee")])))
    gone = found(http("r", rule("/", "tea:80", filters=[mirror("nobody")])))
    assert there.of_route("HTTPRoute", "r")["ResolvedRefs"] == "ResolvedRefs"
    assert gone.of_route("HTTPRoute", "r")["ResolvedRefs"] == "!BackendNotFound"
    assert there.where(80, HOST, "/") == gone.where(80, HOST, "/") == "tea"
    assert {b.target.service for b in there.table.backends.values() if b.target} >= {"coffee"}


def test_a_header_that_breaks_out_of_its_line_refuses_the_route() -> None:
    for name, value in (("X", "a\nb"), ("X y", "a"), ("X", "%[src]\r")):
        bad = {"set": [{"name": name, "value": value}]}
        one = {"type": "RequestHeaderModifier", "requestHeaderModifier": bad}
        made = found(http("r", rule("/", "tea:80", filters=[one])))
        assert made.of_route("HTTPRoute", "r")["Accepted"] == "!UnsupportedValue"


def test_grpc_methods_are_paths_and_one_name_is_of_one_kind() -> None:
    def method(**of: str) -> Object:
        return {"matches": [{"method": of}], "backendRefs": [backend("tea:80")]}

    rules = (method(service="a.B", method="C"), method(service="a.D"))
    made = found(route("GRPCRoute", "g", "a", *rules, hosts=[HOST]))
    assert made.where(80, HOST, "/a.B/C") == made.where(80, HOST, "/a.D/X") == "tea"
    assert made.where(80, HOST, "/a.B/X") == ""
    assert {b.protocol for b in made.table.backends.values()} == {"h2c"}
    late = http("h", rule("/", "tea:80"), hosts=[HOST], born=2)
    both = found(route("GRPCRoute", "g", "a", *rules, hosts=[HOST]), late)
    assert both.of_route("HTTPRoute", "h")["Accepted"] == "!HostnameConflict"


def test_tls_is_passed_on_by_its_name_by_shares() -> None:
    tls = route("TLSRoute", "t", "a", rule("/", "tea:80*1", "coffee:80*3"), hosts=[HOST])
    made = Found(CLASS, TEA, COFFEE, gateway("a", "TLS:443:*.example.com"), tls)
    shares = [(p.host, p.backend.target, p.until) for p in made.compiled.passed]
    assert [(h, t.service if t else "", until) for h, t, until in shares] == [
        (HOST, "tea", 250),
        (HOST, "coffee", 1000),
    ]
    assert {p.backend.protocol for p in made.compiled.passed} == {"tcp"}
    wrong = Found(CLASS, gateway("a", "TLS:443"), http("h", rule("/", "tea:80")))
    assert wrong.of_route("HTTPRoute", "h")["Accepted"] == "!NotAllowedByListeners"


def test_a_services_tls_policy_says_who_it_has_to_be() -> None:
    authority = config_map("ca") | {"data": {"ca.crt": _certificate()}}
    made = found(http("r", rule("/", "tea:80")), authority, tls_policy("p", "tea", "ca", HOST))
    (used,) = [b for b in made.table.backends.values() if b.target]
    assert used.protocol == "https"
    assert any(f"verifyhost {HOST}" in word for f in used.policy for word in f.server())
    (said,) = made.status("BackendTLSPolicy", "p")["ancestors"]
    assert said["ancestorRef"]["name"] == "a"
    assert [c["status"] for c in said["conditions"]] == ["True", "True"]


def test_a_policy_that_can_not_be_kept_lets_nobody_ask_the_service() -> None:
    made = found(http("r", rule("/", "tea:80")), tls_policy("p", "tea", "nobody", HOST))
    (used,) = [b for b in made.table.backends.values() if b.target]
    assert used.problem
    (said,) = made.status("BackendTLSPolicy", "p")["ancestors"]
    assert [c["reason"] for c in said["conditions"]] == [
        "NoValidCACertificate",
        "InvalidCACertificateRef",
    ]


def test_of_two_policies_for_one_service_the_older_counts() -> None:
    authority = config_map("ca") | {"data": {"ca.crt": _certificate()}}
    policies = (
        tls_policy("old", "tea", "ca", "old.example.com", born=1),
        tls_policy("new", "tea", "ca", "new.example.com", born=2),
        tls_policy("port", "tea", "ca", "port.example.com", born=3, section="http"),
    )
    made = found(http("r", rule("/", "tea:80")), authority, *policies)
    (used,) = [b for b in made.table.backends.values() if b.target]
    assert any("port.example.com" in word for f in used.policy for word in f.server())
    coffee = found(http("r", rule("/", "tea:80")), authority, *policies[:2])
    (said,) = coffee.status("BackendTLSPolicy", "new")["ancestors"]
    assert said["conditions"][0]["reason"] == "Conflicted"


def _certificate() -> str:
    import base64

    return base64.b64decode(tls_secret("x", HOST)["data"]["tls.crt"]).decode()


def test_what_is_tried_again_is_what_haproxy_can_try_again() -> None:
    def tried(**of: Any) -> Found:
        return found(http("r", rule("/", "tea:80", **of)))

    (used,) = tried(retry={"attempts": 2, "codes": [503]}).table.backends.values()
    lines = [line for feature in used.policy for line in feature.lines("b")]
    assert "retries 2" in lines
    assert "retry-on conn-failure empty-response 503" in lines
    bad: tuple[dict[str, Any], ...] = (
        {"retry": {"codes": [418]}},
        {"retry": {"attempts": 1}, "timeouts": {"request": "1s"}},
        {"timeouts": {"request": "1 second"}},
        {"sessionPersistence": {}},
    )
    for of in bad:
        assert tried(**of).of_route("HTTPRoute", "r")["Accepted"] == "!UnsupportedValue", of
