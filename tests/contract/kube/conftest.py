"""A small API server in the test's own loop, or Kubernetes' own beside it, and a client of each."""

from collections.abc import AsyncIterator, Iterator

import pytest

from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.real import RealApiServer, running


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApiServer]:
    with running(tmp_path_factory.mktemp("kubernetes")) as found:
        if found is None:
            pytest.skip("kube-apiserver is not here: tools/kubernetes/programs kube-apiserver")
        yield found


@pytest.fixture
async def admin(server: RealApiServer) -> AsyncIterator[Client]:
    client = Client(server.cluster)
    yield client
    await client.close()
