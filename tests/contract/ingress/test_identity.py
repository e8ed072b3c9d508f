"""Who has asked, as the two sorts of load balancers say it, by a real HAProxy."""

import http.client
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polpo.kube.client import Client
from polpo.testing.ingress import HERE, App, Running, ask, running, trusting
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.ingresses import ingress, tls_secret

CAFE, CLIENT = "cafe.example.com", "203.0.113.7"
EVERYBODY = ("0.0.0.0/0",)
HEADERS = ("X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
           "X-Forwarded-Port")  # fmt: skip
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture
async def behind(client: Client, tmp_path: Path, api: ApiServer) -> AsyncIterator[Running]:
    """A controller with TLS for the cafe, behind load balancers of both sorts."""
    api.put(tls_secret("cafe", CAFE), ingress("cafe", f"{CAFE}/ -> tea:80", tls={"cafe": [CAFE]}))
    async with running(client, tmp_path / "haproxy", settings={"proxies": EVERYBODY}) as made:
        await made.controller.in_force.wait()
        yield made


def announced(port: int) -> bytes:
    """The client, by the PROXY protocol (version 2)."""
    addresses = socket.inet_aton(CLIENT) + socket.inet_aton(HERE) + struct.pack("!HH", 4000, port)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(addresses)) + addresses


def proxied(port: int, name: str) -> str:
    """The first line of the answer to who is announced."""
    with socket.create_connection((HERE, port), timeout=20) as link:
        link.sendall(announced(port) + f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        return link.makefile().readline()


def test_a_door_for_load_balancers_of_http_wants_no_proxy_protocol(behind: Running) -> None:
    said = {"X-Forwarded-For": f"198.51.100.1, {CLIENT}", "X-Forwarded-Proto": "https"}
    seen = ask(behind.forwarded, "/", CAFE, headers=said).seen["headers"]
    assert seen["x-real-ip"] == CLIENT
    assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("https", "443")


def test_who_came_to_such_a_load_balancer_without_tls_is_sent_there(behind: Running) -> None:
    answer = ask(behind.forwarded, "/x", CAFE, headers={"X-Forwarded-Proto": "http"})
    assert (answer.status, answer.headers["location"]) == (308, f"https://{CAFE}/x")


def test_the_other_doors_want_the_proxy_protocol(behind: Running) -> None:
    assert "308" in proxied(behind.http, CAFE)
    with pytest.raises(ConnectionError):
        ask(behind.http, "/", CAFE)


def test_requests_of_one_connection_are_told_of_the_same_client(
    behind: Running, applications: dict[str, App]
) -> None:
    told = []
    with socket.create_connection((HERE, behind.https), timeout=20) as plain:
        plain.sendall(announced(behind.https))
        with trusting().wrap_socket(plain, server_hostname=CAFE) as link:
            connection = http.client.HTTPConnection(CAFE)
            connection.sock = link
            for forged in ({}, dict.fromkeys((*HEADERS, "Forwarded", "X-Forwarded-Prefix"), "me")):
                connection.request("GET", "/", headers=forged)
                connection.getresponse().read()
                told.append(applications["tea"].last["headers"])
    assert [told[0][name.lower()] for name in HEADERS] == [CLIENT, CLIENT, CAFE, "https", "443"]
    assert told[1] == told[0]
