"""The controller's whole HTTP side, without a socket; identity is three tokens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from polpo.api.context import Context, Controller, Unauthorized
from polpo.api.gauges import Gauges
from polpo.api.hosts_v1.convergence import Convergence
from polpo.api.hosts_v1.feed import Feed
from polpo.api.hosts_v1.parts import Parts
from polpo.api.hosts_v1.reports import Reports
from polpo.api.metrics import Metrics
from polpo.api.secrets_v1.sealing import Seal
from polpo.api.wiring import HostWiring
from polpo.apps.controller import application
from polpo.apps.controller_config import Config
from polpo.store.store import Store

ROLES = {"admin": "admin", "member": "member", "reader": "reader"}


class Tokens:
    """A token is a role's name."""

    async def authenticate(self, token: str) -> Context:
        if token not in ROLES:
            raise Unauthorized(token)
        return Context("u", "user", "p", "project", frozenset({ROLES[token]}))


class TurnedClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest_asyncio.fixture
async def parts(database_url: str, clock: TurnedClock) -> AsyncIterator[Parts]:
    store = await Store.open(database_url, lambda: "now")
    metrics, reports = Metrics(), Reports(clock, clock)
    made = Parts(
        controller=Controller(store, Tokens(), HostWiring(reports), "http://polpo"),
        reports=reports,
        convergence=Convergence(store, reports, metrics, clock),
        feed=Feed(store, metrics),
        metrics=metrics,
        seal=Seal([bytes(32)]),
    )
    Gauges(made, metrics.registry)
    tasks = [asyncio.create_task(run()) for run in (made.feed.run, made.convergence.run)]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()


@pytest_asyncio.fixture
async def client(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(parts, Config()), client=("192.0.2.9", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://polpo") as opened:
        yield opened


Enrol = Callable[[str, str], Awaitable[dict[str, Any]]]


@pytest.fixture
def enrol(client: httpx2.AsyncClient) -> Enrol:
    """A new host, with its token."""

    async def add(name: str, address: str) -> dict[str, Any]:
        body = {"host": {"name": name, "address": address}}
        answer = await client.post("/v1/hosts", json=body, headers={"x-auth-token": "admin"})
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["host"])

    return add
