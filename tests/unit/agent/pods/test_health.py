"""What a host says of its backends to who asks its health check ports."""

import asyncio
import json
import socket

import pytest

from polpo.agent import one_request
from polpo.agent.pods.health import Asked, Health, of_proxy, of_service
from polpo.dataplane.entries import Entries, Plug
from polpo.runtime.room import MOST
from polpo.target.rows import Interface, Port, Router
from polpo.target.service import Backend, Service
from polpo.testing import free

OWN = "192.0.2.1"


def test_a_service_with_backends_here_is_healthy() -> None:
    answer = of_service(Asked("shop/web", 2), healthy=True)
    text = answer.packed().decode()
    assert text.startswith("HTTP/1.1 200 OK\r\n")
    assert "\r\nX-Load-Balancing-Endpoint-Weight: 2\r\n" in text
    assert json.loads(text.partition("\r\n\r\n")[2]) == {
        "service": {"namespace": "shop", "name": "web"},
        "localEndpoints": 2,
        "serviceProxyHealthy": True,
    }


@pytest.mark.parametrize(("ready", "healthy"), [(0, True), (2, False)])
def test_without_backends_or_where_the_tables_are_not_right_it_is_not(
    ready: int, healthy: bool
) -> None:
    assert of_service(Asked("shop/web", ready), healthy).status == 503


def test_the_proxy_itself_says_whether_all_is_in_the_kernel() -> None:
    found = [of_proxy(path, ok).status for path in ("/healthz", "/livez") for ok in (True, False)]
    assert found == [200, 503, 200, 503]
    assert of_proxy("/", True).status == 404


def test_backends_are_counted_that_are_ready_and_here() -> None:
    entries = Entries(OWN, 9)
    open_a_door(entries)
    row = Service("s", "10.254.0.1", "tcp", 80, name="shop/web", health_port=32000)
    ends = [
        Backend("s", "10.0.0.1", 80, host=OWN),
        Backend("s", "10.0.0.2", 80, host="192.0.2.2"),
        Backend("s", "10.0.0.3", 80, host=OWN, up=False),
        Backend("s", "10.0.0.4", 80, host=OWN, spare=True),
    ]
    entries.apply("router/7", (row, *ends))
    assert entries.checked() == {32000: "shop/web"}
    assert entries.ready_here(32000) == 1
    entries.apply("router/7", (), [row.key])
    assert entries.checked() == {}


def test_a_cluster_without_pods_here_opens_no_port_of_the_host() -> None:
    """Who has a machine here might have it open any, 22 among them."""
    entries = Entries(OWN, 9)
    row = Service("s", "10.254.0.1", "tcp", 80, name="shop/web", health_port=22)
    entries.apply("router/7", (row,))
    assert entries.checked() == {}
    open_a_door(entries)
    assert entries.checked() == {22: "shop/web"}


def open_a_door(entries: Entries) -> None:
    """The host has a port of its own among the pods."""
    inside = Interface("i", 5, "02:00:00:00:00:01", 1450, ("10.0.0.254/24",))
    entries.apply("router/7", (Router(7, "r", 7), inside))
    entries.apply("host/h1", (Port("p", 5, "02:00:00:00:00:02", 1450, 0, host_of="k8s"),))
    entries.set_plugs({"p": Plug(3)})


async def test_ports_are_open_while_there_is_something_to_say() -> None:
    ports = {free.port(): "shop/web"}
    (port,) = ports
    health = Health(lambda: ports, lambda _: Asked("shop/web", 1), lambda: True, carries=False)
    await health.look()
    for address in ("127.0.0.1", "::1"):
        assert b"200 OK" in await got(address, port)
    ports.clear()
    await health.look()
    with pytest.raises(ConnectionRefusedError):
        await got("127.0.0.1", port)


async def test_a_port_that_somebody_else_has_keeps_no_other_from_being_opened() -> None:
    with socket.create_server(("", 0)) as taken:
        ports = {taken.getsockname()[1]: "shop/a", free.port(): "shop/b"}
        health = Health(lambda: ports, lambda _: Asked("shop/b", 1), lambda: True, carries=False)
        await health.look()
        assert b"200 OK" in await got("127.0.0.1", list(ports)[1])
        health.close()


async def got(address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    said = await reader.read()
    writer.close()
    return said


async def test_who_says_nothing_keeps_nobody_from_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_request, "PATIENCE_S", 600.0)
    port = free.port()
    health = Health(lambda: {port: "shop/web"}, lambda _: Asked("shop/web", 1), lambda: True, False)
    await health.look()
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST + 1)]
    async with asyncio.timeout(60):
        assert await silent[0][0].read() == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    for _, one in (*silent, (reader, writer)):
        one.close()
    health.close()
