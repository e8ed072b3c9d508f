"""Kubernetes' own API server, a real controller, and a cloud controller between the two.

The hosts say that they have done what they are told; packets are in tests/netns/cloud.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from polpo.cloud.controller import Controller
from polpo.cloud.objects import SERVICES
from polpo.cloud.settings import Settings
from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.testing.cloud import Cloud, Start, furnish
from polpo.testing.controller_process import ControllerProcess
from polpo.testing.kubernetes.real import RealApiServer, running
from polpo.testing.obedient import ObedientHost

RIGHTS = Path(__file__).parents[3] / "deploy/kubernetes/cloud-controller.yaml"
USER = "system:serviceaccount:kube-system:polpo-cloud-controller"


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApiServer]:
    with running(tmp_path_factory.mktemp("kubernetes")) as found:
        if found is None:
            pytest.skip("kube-apiserver is not here: tools/kubernetes/programs kube-apiserver")
        asyncio.run(_give_rights(found))
        yield found


async def _give_rights(kubernetes: RealApiServer) -> None:
    """What deploy/kubernetes gives to the controller, and no more."""
    client = Client(kubernetes.cluster)
    for body in yaml.safe_load_all(RIGHTS.read_text()):
        if not body["kind"].startswith("ClusterRole"):
            continue
        group, _, version = body["apiVersion"].partition("/")
        path = f"/apis/{group}/{version}/{body['kind'].lower()}s"
        await client.call("POST", path, body=json.dumps(body).encode())
    await client.close()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    process = ControllerProcess(tmp_path_factory.mktemp("controller"))
    session = process.start()
    url = f"http://127.0.0.1:{process.port}"
    hosts = [ObedientHost(session, url, f"h{n}", f"192.0.2.{n}") for n in (1, 2)]
    for host in hosts:
        host.start()
    made = furnish(session)
    made.url, made.password = f"{url}/identity/v3", process.password
    yield made
    for host in hosts:
        host.stop()
    process.stop()


@pytest.fixture
async def client(kubernetes: RealApiServer) -> AsyncIterator[Client]:
    made = Client(kubernetes.cluster)
    yield made
    await made.close()


@pytest.fixture
def api(client: Client) -> Api:
    return Api(client, "kubectl")


@pytest.fixture
async def start(
    kubernetes: RealApiServer, cloud: Cloud, api: Api, client: Client
) -> AsyncIterator[Start]:
    """Starts a cloud controller, by its settings; it is stopped with the test."""
    running: list[tuple[asyncio.Task[None], Client]] = []

    async def run(**settings: Any) -> asyncio.Task[None]:
        its = Client(kubernetes.as_(kubernetes.issue(USER)))
        name = f"test-{os.getpid()}-{len(running)}"
        controller = Controller(its, cloud.session, "lab", Settings(**settings), name)
        task = asyncio.create_task(controller.run())
        running.append((task, its))
        return task

    yield run
    for task, its in running:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await its.close()
    await _clean(api, client, cloud)


async def _clean(api: Api, client: Client, cloud: Cloud) -> None:
    """What a test that failed has left is not the next one's."""
    listed = json.loads(await client.call("GET", SERVICES.path()))["items"]
    for found in (one["metadata"] for one in listed):
        if found["name"] != "kubernetes":
            none = {"metadata": {"finalizers": None}}
            await api.patch(SERVICES, found["name"], found["namespace"], none)
            await api.delete(SERVICES, found["name"], found["namespace"])
    for balancer in cloud.balancers():
        path = f"/lbaas/loadbalancers/{balancer['id']}"
        cloud.session.load_balancer("DELETE", path, cascade="true")
    for floating in cloud.floating():
        cloud.session.network("DELETE", f"/floatingips/{floating['id']}")
