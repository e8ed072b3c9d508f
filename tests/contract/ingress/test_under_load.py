"""Changes while requests come: none fails. Two thousand rules."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polpo.kube.client import Client
from polpo.testing.ingress import HERE, App, Running, running
from polpo.testing.ingress_load import load
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import ingress, tls_secret
from polpo.testing.kubernetes.objects import endpoints, service

CAFE = "cafe.example.com"
CHANGES = 100
RELOADS = 25  # a hundred are in bench/ingress.py


@pytest.fixture
async def hasty(client: Client, tmp_path: Path) -> AsyncIterator[Running]:
    """Reloads as often as it is asked to."""
    async with running(client, tmp_path / "haproxy", pause_s=0.0) as made:
        yield made


@pytest.fixture
async def cafe(api: ApiServer, hasty: Running, applications: dict[str, App]) -> Running:
    api.put(tls_secret("cafe", CAFE))
    api.put(ingress("cafe", f"{CAFE}/ -> tea:80", tls={"cafe": [CAFE]}))
    api.put(ingress("plain", "plain.example.com/ -> tea:80"))
    await hasty.eventually(f"https://{CAFE}/", wanted="tea")
    await hasty.eventually("/", "plain.example.com", wanted="tea")
    return hasty


async def test_changes_that_need_a_reload_fail_no_request(api: ApiServer, cafe: Running) -> None:
    before = cafe.haproxy.reloads
    with load(cafe) as clients:
        for number in itertools.count():
            done = cafe.haproxy.reloads
            if done - before >= RELOADS:
                break
            root = {"app_root": f"/{number}"}  # another policy: another backend
            api.put(ingress("other", "other.example.com/ -> tea:80", nginx=root))
            await until(lambda done=done: cafe.haproxy.reloads > done)  # type: ignore[misc]
    assert clients.failed == []
    assert clients.answered > RELOADS


async def test_certificates_and_endpoints_change_under_load_and_no_request_fails(
    api: ApiServer, cafe: Running, applications: dict[str, App]
) -> None:
    reloads, (tea, coffee) = cafe.haproxy.reloads, applications.values()
    with load(cafe) as clients:
        for number in range(CHANGES):
            told = cafe.haproxy.told
            app = (tea, coffee)[number % 2]
            api.put(endpoints("tea-1", "tea", ports=f"http:tcp:{app.port}", addresses=[HERE]))
            if number % 10 == 0:
                api.put(tls_secret("cafe", CAFE, serial=number + 1))
            await until(lambda told=told: cafe.haproxy.told > told)  # type: ignore[misc]
    assert clients.failed == []
    assert clients.answered > RELOADS
    assert cafe.haproxy.reloads == reloads


async def test_two_thousand_rules_and_every_one_leads_where_it_says(
    api: ApiServer, hasty: Running, applications: dict[str, App]
) -> None:
    tea = applications["tea"]
    given = []
    for n in range(200):
        given.append(service(f"s{n}", ports="http:tcp:80"))
        ends = endpoints(f"s{n}-1", f"s{n}", ports=f"http:tcp:{tea.port}", addresses=[HERE])
        given.append(ends)
        rules = [f"h{n}.example.com/p{m} -> s{n}:80" for m in range(10)]
        given.append(ingress(f"i{n}", *rules))
    api.put(*given)
    await hasty.eventually("/p9", "h199.example.com", wanted="tea")
    answers = [
        await asyncio.to_thread(hasty.get, f"/p{n % 10}/x", f"h{n}.example.com")
        for n in range(0, 200, 7)
    ]
    assert {answer.by for answer in answers} == {"tea"}
    assert hasty.get("/p10", "h0.example.com").status == 404
    backends = hasty.controller.table.backends.values()
    assert len({backend.target for backend in backends}) == 200
