"""A small API server, a controller with a real HAProxy, and applications behind it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.testing.ingress import App, Running, apps, running
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.ingresses import app, ingress_class


@pytest.fixture
def applications() -> Iterator[dict[str, App]]:
    with apps("tea", "coffee") as made:
        yield made


@pytest.fixture
async def api(applications: dict[str, App]) -> AsyncIterator[ApiServer]:
    server = ApiServer()
    await server.start()
    server.put(ingress_class())
    for name, one in applications.items():
        server.put(*app(name, one.address, one.port))
    yield server
    await server.stop()


@pytest.fixture
async def client(api: ApiServer) -> AsyncIterator[Client]:
    made = Client(Cluster(server=api.address))
    yield made
    await made.close()


@pytest.fixture
async def ingresses(client: Client, tmp_path: Path) -> AsyncIterator[Running]:
    address = ({"ip": "192.0.2.1"},)
    async with running(client, tmp_path / "haproxy", addresses=address) as made:
        yield made
