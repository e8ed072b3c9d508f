"""Hosts, paths and TLS of Ingresses, by a real HAProxy."""

import asyncio
import http.client
import json
import socket
import ssl

from polpo.testing.ingress import HERE, App, Running, certificate
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import ingress, secret, tls_secret
from polpo.testing.kubernetes.objects import endpoints, service

CAFE = "cafe.example.com"


def nameless(port: int) -> str:
    """Who answers to HTTP/1.0 without a host."""
    with socket.create_connection((HERE, port), timeout=20) as link:
        link.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return str(json.loads(answer.read())["app"])


async def test_a_request_reaches_the_application_of_its_path(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("cafe", f"{CAFE}/tea -> tea:80", f"{CAFE}/coffee -> coffee:http"))
    tea = await ingresses.eventually(f"http://{CAFE}/tea/green?x=1", wanted="tea")
    assert tea.seen["path"] == "/tea/green?x=1"
    assert ingresses.get("/coffee", CAFE).by == "coffee"
    assert ingresses.get("/teapot", CAFE).status == 404
    assert ingresses.get("/tea", "other.example.com").status == 404
    assert tea.seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert tea.seen["headers"]["x-forwarded-proto"] == "http"
    assert tea.seen["headers"]["x-forwarded-port"] == "80"


async def test_exact_paths_come_before_prefixes_and_longer_prefixes_before_shorter(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("a", f"{CAFE}/ -> tea:80", f"={CAFE}/x -> coffee:80"))
    api.put(ingress("b", f"{CAFE}/x/y -> coffee:80"))
    await ingresses.eventually("/x/y", CAFE, wanted="coffee")
    for path, by in {"/": "tea", "/x": "coffee", "/x/": "tea", "/x/y/": "coffee"}.items():
        assert ingresses.get(path, CAFE).by == by, path
    assert ingresses.get("/x/yz", CAFE).by == "tea"


async def test_an_exact_host_comes_before_a_wildcard_which_stands_for_one_label(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("w", "*.example.com/ -> tea:80"))
    api.put(ingress("e", f"{CAFE}/c -> coffee:80"))
    await ingresses.eventually("/c", "CAFE.example.com:80", wanted="coffee")
    assert ingresses.get("/", "any.example.com").by == "tea"
    assert ingresses.get("/", "a.b.example.com").status == 404
    assert ingresses.get("/", "example.com").status == 404
    assert ingresses.get("/", CAFE).status == 404


async def test_who_names_no_host_asks_for_every_hosts(api: ApiServer, ingresses: Running) -> None:
    api.put(ingress("all", "/ -> coffee:80"), ingress("cafe", f"{CAFE}/ -> tea:80"))
    await ingresses.eventually("/", CAFE, wanted="tea")
    assert await asyncio.to_thread(nameless, ingresses.http) == "coffee"
    api.put(ingress("wild", "*.example.org/ -> tea:80"))
    await ingresses.eventually("/", "any.example.org", wanted="tea")
    assert await asyncio.to_thread(nameless, ingresses.http) == "coffee"


async def test_what_nobody_has_asked_for_goes_to_the_default_backend(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("all", default="coffee:80"), ingress("cafe", f"{CAFE}/tea -> tea:80"))
    await ingresses.eventually("/tea", CAFE, wanted="tea")
    assert ingresses.get("/", "other.example.com").by == "coffee"


async def test_paths_are_matched_as_applications_see_them(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("a", f"{CAFE}/ -> tea:80", f"{CAFE}/admin -> coffee:80"))
    await ingresses.eventually("/admin", CAFE, wanted="coffee")
    for path in ("//admin", "/%61dmin/x", "/admin%2Fx"):
        assert ingresses.get(path, CAFE).by == "coffee", path
    for path in ("/x/../admin", "/x/%2e%2e/admin", "/x/..%2fadmin", "/x/..%5cadmin", "/./admin"):
        assert ingresses.get(path, CAFE).status == 400, path


async def test_tls_is_ended_with_the_certificate_of_the_name_and_plain_http_sent_there(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(tls_secret("cafe", CAFE))
    api.put(ingress("cafe", f"{CAFE}/tea -> tea:80", tls={"cafe": [CAFE]}))
    answer = await ingresses.eventually(f"https://{CAFE}/tea", wanted="tea")
    assert answer.seen["headers"]["x-forwarded-proto"] == "https"
    assert answer.seen["headers"]["x-forwarded-port"] == "443"
    plain = ingresses.get("/tea?x=1", CAFE)
    assert (plain.status, plain.headers["location"]) == (308, f"https://{CAFE}/tea?x=1")
    shown = certificate(ingresses.https, CAFE)
    assert shown != certificate(ingresses.https, "other.example.com")


async def test_a_certificate_is_renewed_without_a_reload(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(tls_secret("cafe", CAFE))
    api.put(ingress("cafe", f"{CAFE}/ -> tea:80", tls={"cafe": [CAFE]}))
    await ingresses.eventually(f"https://{CAFE}/", wanted="tea")
    before, reloads = certificate(ingresses.https, CAFE), ingresses.haproxy.reloads
    api.put(tls_secret("cafe", CAFE, serial=1))
    await until(lambda: certificate(ingresses.https, CAFE) != before)
    assert ingresses.haproxy.reloads == reloads
    assert ssl.PEM_cert_to_DER_cert(certificate(ingresses.https, CAFE))


async def test_the_older_of_two_ingresses_has_what_both_want(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(tls_secret("mine", CAFE), tls_secret("theirs", CAFE, "other", serial=1))
    api.put(
        ingress("b", f"{CAFE}/ -> tea:80", tls={"mine": [CAFE]}, born=1),
        ingress("a", f"{CAFE}/ -> x:80", tls={"theirs": [CAFE]}, namespace="other", born=2),
    )
    await ingresses.eventually(f"https://{CAFE}/", wanted="tea")
    for said in ("is of the older Ingress default/b", "is a host of namespace default"):
        await until(lambda said=said: any(said in note for note in _notes(api, "a")))  # type: ignore[misc]
    assert not any("older" in note for note in _notes(api, "b"))


async def test_what_is_wrong_with_one_ingress_is_said_and_harms_no_other(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(secret("broken", type="kubernetes.io/tls", tls_crt="x", tls_key="y"))
    api.put(
        ingress("bad", "bad.example.com/ -> nobody:80", tls={"broken": ["bad.example.com"]}),
        ingress("odd", 'o"dd.example.com/ -> tea:80', f"{CAFE}/a b -> tea:80"),
        ingress("good", f"{CAFE}/ -> tea:80"),
    )
    await ingresses.eventually("/", CAFE, wanted="tea")
    assert ingresses.get("/", "bad.example.com").status == 503
    await until(lambda: len(_notes(api, "bad")) == 2 and len(_notes(api, "odd")) == 2)


async def test_addresses_are_in_the_status_of_ours_only(api: ApiServer, ingresses: Running) -> None:
    api.put(ingress("ours", f"{CAFE}/ -> tea:80"))
    api.put(ingress("not", "b.example.com/ -> tea:80", of="x"))
    wanted = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    await until(lambda: api.stored.one("ingresses", "default", "ours").get("status") == wanted)
    assert "status" not in api.stored.one("ingresses", "default", "not")
    await ingresses.eventually("/", CAFE, wanted="tea")
    assert ingresses.get("/", "b.example.com").status == 404


async def test_endpoints_come_and_go_without_a_reload(
    api: ApiServer, ingresses: Running, applications: dict[str, App]
) -> None:
    api.put(ingress("cafe", f"{CAFE}/ -> tea:80"))
    await ingresses.eventually("/", CAFE, wanted="tea")
    reloads, other = ingresses.haproxy.reloads, applications["coffee"]
    api.put(endpoints("tea-1", "tea", ports=f"http:tcp:{other.port}", addresses=[other.address]))
    await ingresses.eventually("/", CAFE, wanted="coffee")
    api.put(endpoints("tea-1", "tea", ports=f"http:tcp:{other.port}"))
    await ingresses.eventually("/", CAFE, wanted=503)
    assert ingresses.haproxy.reloads == reloads


async def test_a_service_with_an_external_name_is_asked_of_dns_and_never_leads_to_haproxy_itself(
    api: ApiServer, ingresses: Running
) -> None:
    names = {"far": "far.example.net", "self": "127.0.0.1", "here": "localhost"}
    for name, to in names.items():
        api.put(service(name, type="ExternalName", externalName=to, ports="http:tcp:80"))
        api.put(ingress(name, f"{name}.example.com/ -> {name}:80"))
    api.put(ingress("cafe", f"{CAFE}/ -> tea:80"))
    await ingresses.eventually("/", CAFE, wanted="tea")
    for name in names:
        assert ingresses.get("/", f"{name}.example.com").status == 503
    text = ingresses.settings.configuration.read_text()
    assert "server s1 far.example.net:80 resolvers system" in text
    assert "localhost" not in text


def _notes(api: ApiServer, name: str) -> list[str]:
    return [
        event["note"]
        for event in api.stored.all("events", "", "")
        if event["regarding"]["name"] == name
    ]
