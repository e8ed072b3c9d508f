"""Changes while requests come: none fails. Two thousand rules."""

import asyncio
import http.client
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from polpo.kube.client import Client
from polpo.testing.ingress import HERE, App, Running, ask, running
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import ingress, tls_secret
from polpo.testing.kubernetes.objects import endpoints, service

CAFE = "cafe.example.com"
CHANGES = 100
PACE_S = 0.01


class Load:
    """Clients that ask all the time: with a connection for each request, with TLS, and with one
    that is kept for as long as the server keeps it."""

    def __init__(self, http_port: int, https_port: int) -> None:
        self._ports = http_port, https_port
        self._over = threading.Event()
        self.failed: list[str] = []
        self.answered = 0
        clients = (self._anew, self._anew, self._tls, self._kept)
        self._threads = [threading.Thread(target=self._ask, args=(x,)) for x in clients]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: object) -> None:
        answers = client()  # type: ignore[operator]
        while not self._over.wait(PACE_S):
            try:
                status = next(answers)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                answers = client()  # type: ignore[operator]
                continue
            self.answered += 1
            if status != 200:
                self.failed.append(str(status))
        answers.close()

    def _anew(self) -> Iterator[int]:
        while True:
            yield ask(self._ports[0], "/", "plain.example.com").status

    def _tls(self) -> Iterator[int]:
        while True:
            yield ask(self._ports[1], "/", CAFE, tls=True).status

    def _kept(self) -> Iterator[int]:
        """HTTP/1.1: who is told `Connection: close` opens another."""
        connection = http.client.HTTPConnection(HERE, self._ports[0], timeout=20)
        with closing(connection):
            while True:
                connection.request("GET", "/", headers={"Host": "plain.example.com"})
                answer = connection.getresponse()
                answer.read()
                yield answer.status


@contextmanager
def load(of: Running) -> Iterator[Load]:
    made = Load(of.http, of.https)
    made.start()
    try:
        yield made
    finally:
        made.stop()


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


async def test_a_hundred_changes_that_need_a_reload_fail_no_request(
    api: ApiServer, cafe: Running
) -> None:
    before = cafe.haproxy.reloads
    with load(cafe) as clients:
        for number in itertools.count():
            done = cafe.haproxy.reloads
            if done - before >= CHANGES:
                break
            root = {"app_root": f"/{number}"}  # another policy: another backend
            api.put(ingress("other", "other.example.com/ -> tea:80", nginx=root))
            await until(lambda done=done: cafe.haproxy.reloads > done)  # type: ignore[misc]
    assert clients.failed == []
    assert clients.answered > CHANGES


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
    assert clients.answered > CHANGES
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
