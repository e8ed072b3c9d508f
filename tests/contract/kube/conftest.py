"""A small API server in the test's own loop, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.testing.kubernetes.api_server import ApiServer


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(api: ApiServer) -> AsyncIterator[Client]:
    made = Client(Cluster(server=api.address), patience_s=20)
    yield made
    await made.close()
