"""Gateways and their routes, by a real HAProxy."""

import asyncio
import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from polpo.ingress.gateway.exposing import Exposure
from polpo.kube.client import Client
from polpo.testing import free
from polpo.testing.gateway_routes import reasons
from polpo.testing.ingress import Answer, App, Running, ask, certificate, running
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.gateways import gateway, gateway_class, made, route, rule
from polpo.testing.kubernetes.ingresses import app, ingress, tls_secret
from polpo.testing.kubernetes.objects import Object

HOST = "cafe.example.com"
POOL = ("127.0.0.1", "127.0.0.2")


class Gateways(NamedTuple):
    running: Running
    plain: int
    tls: int

    async def eventually(
        self, path: str, host: str = HOST, *, wanted: Any = 200, tls: bool = False, **of: Any
    ) -> Answer:
        port = self.tls if tls else self.plain
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    found = await asyncio.to_thread(ask, port, path, host, tls=tls, **of)
                    if wanted in (found.status, found.by):
                        return found
                await asyncio.sleep(0.02)

    def get(self, path: str, host: str = HOST, **of: Any) -> Answer:
        return ask(self.tls if of.get("tls") else self.plain, path, host, **of)


@pytest.fixture
async def gateways(client: Client, api: ApiServer, tmp_path: Path) -> AsyncIterator[Gateways]:
    plain, tls = free.port(), free.port()
    api.put(gateway_class(), gateway("a", f"HTTP:{plain}"))
    async with running(client, tmp_path / "haproxy", ours={"addresses": POOL}) as made:
        yield Gateways(made, plain, tls)


def said(api: ApiServer, plural: str, name: str, part: str) -> Callable[[], dict[str, str]]:
    """Reasons by condition."""

    def look() -> dict[str, str]:
        found: Any = api.stored.one(plural, "default", name).get("status") or {}
        if part:
            found = next(iter(found.get(part) or [{}]))
        return reasons(found.get("conditions") or [])

    return look


def headers(kind: str, **changes: Any) -> Object:
    key = kind[0].lower() + kind[1:]
    return {"type": kind, key: changes}


async def test_a_route_leads_to_its_services_and_statuses_say_so(
    api: ApiServer, gateways: Gateways
) -> None:
    rules = (rule("/tea", "tea:80"), rule("/coffee", "coffee:80"))
    api.put(route("HTTPRoute", "r", "a", *rules, hosts=[HOST]))
    tea = await gateways.eventually("/tea/green?x=1", wanted="tea")
    assert tea.seen["path"] == "/tea/green?x=1"
    assert gateways.get("/coffee").by == "coffee"
    assert gateways.get("/").status == 404
    assert gateways.get("/tea", "other.example.com").status == 404
    await until(lambda: said(api, "httproutes", "r", "parents")().get("Accepted") == "Accepted")
    await until(lambda: said(api, "gateways", "a", "")().get("Programmed") == "Programmed")
    status = api.stored.one("gateways", "default", "a")["status"]
    assert status["addresses"] == [{"type": "IPAddress", "value": "127.0.0.1"}]
    assert status["listeners"][0]["attachedRoutes"] == 1


async def test_what_others_have_written_into_a_routes_status_stays(
    api: ApiServer, gateways: Gateways
) -> None:
    theirs = {"controllerName": "example.com/x", "parentRef": {"name": "x"}, "conditions": []}
    given = route("HTTPRoute", "r", "a", rule("/", "tea:80"))
    api.put(given | {"status": {"parents": [theirs]}})
    await gateways.eventually("/", wanted="tea")
    await until(lambda: len(api.stored.one("httproutes", "default", "r")["status"]["parents"]) == 2)
    assert api.stored.one("httproutes", "default", "r")["status"]["parents"][0] == theirs


async def test_filters_change_requests_and_answers(
    api: ApiServer, gateways: Gateways, applications: dict[str, App]
) -> None:
    applications["tea"].extra = {"X-Was": "here"}
    changed = headers("RequestHeaderModifier", set=[{"name": "X-A", "value": "%[src] '1"}],
                      add=[{"name": "X-B", "value": "2"}], remove=["X-C"])  # fmt: skip
    answered = headers("ResponseHeaderModifier", remove=["X-Was"], set=[{"name": "X-Is", "value": "3"}])  # fmt: skip # noqa: E501
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}
    rewritten = {"type": "URLRewrite", "urlRewrite": {"hostname": "tea.local", "path": path}}
    api.put(
        route("HTTPRoute", "r", "a", rule("/old", "tea:80", filters=[changed, answered, rewritten]))
    )
    given = {"X-A": "mine", "X-C": "gone"}
    found = await gateways.eventually("/old/x?y=1", wanted="tea", headers=given)
    seen = found.seen["headers"]
    assert (found.seen["path"], seen["host"]) == ("/new/x?y=1", "tea.local")
    assert (seen["x-a"], seen["x-b"]) == ("%[src] '1", "2")
    assert "x-c" not in seen
    assert found.headers["x-is"] == "3"
    assert "x-was" not in found.headers


async def test_requests_are_copied_to_another_service(
    api: ApiServer, gateways: Gateways, applications: dict[str, App]
) -> None:
    copied = {
        "type": "RequestMirror",
        "requestMirror": {"backendRef": {"name": "coffee", "port": 80}},
    }
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80", filters=[copied])))
    await gateways.eventually("/", wanted="tea")
    assert gateways.get("/x?y=1", method="POST", body=b"abc").by == "tea"
    coffee = applications["coffee"]
    await until(lambda: coffee.last.get("path") == "/x?y=1")
    assert (coffee.last["method"], coffee.last["length"]) == ("POST", 3)
    assert "x-polpo-mirror" not in coffee.last["headers"]


async def test_redirects_keep_what_they_are_not_told_to_change(
    api: ApiServer, gateways: Gateways
) -> None:
    def to(**of: Any) -> Object:
        return {"filters": [{"type": "RequestRedirect", "requestRedirect": of}]}

    prefix = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    full = {"type": "ReplaceFullPath", "replaceFullPath": "/all"}
    rules = (
        rule("/tls", **to(scheme="https", statusCode=301)),
        rule("/host", **to(hostname="other.example.com", port=8080)),
        rule("/prefix", **to(path=prefix)),
        rule("/full", **to(path=full, scheme="http", statusCode=308)),
    )
    api.put(route("HTTPRoute", "r", "a", *rules))
    await gateways.eventually("/tls", wanted=301)
    port = gateways.plain
    for path, (code, location) in {
        "/tls/a?b=1": (301, f"https://{HOST}/tls/a?b=1"),
        "/host": (302, "http://other.example.com:8080/host"),
        "/prefix/a%20b?c=d": (302, f"http://{HOST}:{port}/a%20b?c=d"),
        "/prefix": (302, f"http://{HOST}:{port}/"),
        "/full/x?y=z": (308, f"http://{HOST}/all?y=z"),
    }.items():
        answer = gateways.get(path)
        assert (answer.status, answer.headers["location"]) == (code, location), path
    assert gateways.get("/%70refix/x").status == 400


async def test_matches_ask_for_methods_headers_and_parameters(
    api: ApiServer, gateways: Gateways
) -> None:
    asked = {"method": "POST", "headers": [{"name": "X", "value": "1"}],
             "queryParams": [{"name": "q", "value": "a b"}]}  # fmt: skip
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80"), rule("/", "coffee:80", match=asked)))
    fits: Object = {"method": "POST", "headers": {"X": "1"}}
    await gateways.eventually("/?q=a%20b", wanted="coffee", **fits)
    assert gateways.get("/?q=b", **fits).by == "tea"
    assert gateways.get("/?q=a+b", method="GET", headers={"X": "1"}).by == "tea"
    assert gateways.get("/?q=a%20b", method="POST").by == "tea"


async def test_who_is_not_there_answers_500_and_who_is_slow_504(
    api: ApiServer, gateways: Gateways
) -> None:
    rules = (rule("/gone", "nobody:80"), rule("/empty"),
             rule("/slow", "slow:80", timeouts={"request": "50ms"}))  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        api.put(*app("slow", "127.0.0.1", deaf.getsockname()[1]))
        api.put(route("HTTPRoute", "r", "a", *rules))
        await gateways.eventually("/slow", wanted=504)
        assert gateways.get("/gone").status == 500
        assert gateways.get("/empty").status == 500


async def test_tls_ends_here_with_the_listeners_certificate(
    api: ApiServer, gateways: Gateways
) -> None:
    api.put(tls_secret("cafe", HOST))
    api.put(gateway("a", f"HTTP:{gateways.plain}", f"HTTPS:{gateways.tls}"))
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80"), hosts=[HOST]))
    answer = await gateways.eventually("/", tls=True, wanted="tea")
    assert answer.seen["headers"]["x-forwarded-proto"] == "https"
    expected = ssl.PEM_cert_to_DER_cert(certificate(gateways.tls, "anything.example.org"))
    given = tls_secret("cafe", HOST)["data"]["tls.crt"]
    assert expected == ssl.PEM_cert_to_DER_cert(base64.b64decode(given).decode())


async def test_tls_is_passed_on_as_it_is_by_its_name_and_nobody_elses(
    api: ApiServer, gateways: Gateways
) -> None:
    listeners = (f"TLS:{gateways.tls}", f"HTTPS:{gateways.tls}:web.example.com")
    api.put(tls_secret("cafe", "web.example.com"))
    api.put(gateway("a", *listeners))
    api.put(
        route("TLSRoute", "t", "a", rule("/", "bank:443"), hosts=["bank.example.com"]),
        route("HTTPRoute", "r", "a", rule("/", "tea:80"), hosts=["web.example.com"]),
    )
    with socket.create_server(("127.0.0.1", 0)) as plain:
        port = plain.getsockname()[1]
        services = app("bank", "127.0.0.1", port)
        services[0]["spec"]["ports"][0] |= {"port": 443}
        api.put(*services)
        await gateways.eventually("/", "web.example.com", tls=True, wanted="tea")
        with knocking(gateways.tls, "bank.example.com"):
            link, _ = await asyncio.to_thread(plain.accept)
            with link:
                assert b"bank.example.com" in link.recv(4096)  # the client's own first message
    with pytest.raises((ssl.SSLError, OSError)):
        ask(gateways.tls, "/", "other.example.org", tls=True)


@contextlib.contextmanager
def knocking(port: int, name: str) -> Iterator[None]:
    """A client that has said its first message, and waits."""
    context = ssl.create_default_context()
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(inside, outside, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(outside.read())
        yield


async def test_each_gateway_has_an_address_of_its_own_and_ingresses_go_on_beside(
    api: ApiServer, gateways: Gateways
) -> None:
    api.put(gateway("b", f"HTTP:{gateways.plain}", born=9))
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80")))
    api.put(route("HTTPRoute", "s", "b", rule("/", "coffee:80")))
    api.put(ingress("i", f"{HOST}/ -> coffee:80"))
    await gateways.eventually("/", wanted="tea")
    await gateways.eventually("/", wanted="coffee", address="127.0.0.2")
    await gateways.running.eventually(f"http://{HOST}/", wanted="coffee")
    assert gateways.get("/").by == "tea"


async def test_a_gateway_that_goes_takes_its_door_and_routes_with_it(
    api: ApiServer, gateways: Gateways
) -> None:
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80")))
    await gateways.eventually("/", wanted="tea")
    api.remove(made("Gateway", "a"))

    def closed() -> bool:
        try:
            gateways.get("/")
        except OSError:
            return True
        return False

    await until(closed)
    await until(lambda: not api.stored.one("httproutes", "default", "r")["status"]["parents"])


async def test_a_controller_of_pods_gives_each_gateway_a_service(
    client: Client, api: ApiServer, tmp_path: Path
) -> None:
    exposure = Exposure(namespace="polpo", selector=(("app", "x"),), bind="127.0.0.3")
    api.put(gateway_class(), gateway("a", "HTTP:80"))
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80")))

    def services() -> list[Object]:
        return [s for s in api.stored.all("services", "polpo", "") if s["spec"]["ports"]]

    async with running(client, tmp_path / "haproxy", ours={"exposure": exposure}) as made_:
        await until(lambda: len(services()) == 1)
        (service,) = services()
        own = service["spec"]["ports"][0]["targetPort"]
        answer = await Gateways(made_, own, 0).eventually("/", wanted="tea", address="127.0.0.3")
        assert answer.seen["headers"]["x-forwarded-port"] == "80"
        api.put(service | {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}})
        await until(lambda: said(api, "gateways", "a", "")().get("Programmed") == "Programmed")
        api.remove(made("Gateway", "a"))
        await until(lambda: not services())


async def test_a_request_for_another_listeners_name_is_misdirected(
    api: ApiServer, gateways: Gateways
) -> None:
    api.put(tls_secret("cafe", HOST))
    names = ("one.example.com", "*.example.org")
    api.put(gateway("a", *(f"HTTPS:{gateways.tls}:{name}" for name in names)))
    api.put(route("HTTPRoute", "r", "a", rule("/", "tea:80")))
    await gateways.eventually("/", "one.example.com", tls=True, wanted="tea")
    asked = {"one.example.com": 200, "a.example.org": 421, "other.example.com": 421}
    for host, status in asked.items():
        answer = gateways.get("/", host, tls=True, name="one.example.com")
        assert answer.status == status, host
    assert gateways.get("/", "b.example.org", tls=True, name="a.example.org").by == "tea"
