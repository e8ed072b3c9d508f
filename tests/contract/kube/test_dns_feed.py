"""The plugin from an API server on a socket to answers, through all that may happen to that."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.parse import parse
from polpo.dns.plugins.kubernetes import setup
from polpo.dns.plugins.kubernetes.feed import KubernetesFeed, make_feed, own_addresses
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.plugins.kubernetes.views import TRIGGER_TIME
from polpo.dns.plugins.kubernetes.watching import cluster_of
from polpo.dns.wire.name import from_text
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import endpoints, namespace, pod, service
from polpo.testing.kubernetes.outlet import Told

WEB, NONE = "web.default.svc", "none.default.svc"


class Running:
    """A feed that runs and what it tells."""

    def __init__(self, api: ApiServer, lines: str = "") -> None:
        text = f". {{ kubernetes cluster.local {{\nendpoint {api.address}\n{lines}\n}} }}"
        self.block = parse(text)[0]
        self.options = setup.parse(self.block.named("kubernetes"), self.block)
        self.told = Told(self.options)
        cluster = cluster_of(self.options)
        self.feed = KubernetesFeed(self.options, cluster, self.told, ["10.1.0.53"])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Told]:
        task = asyncio.ensure_future(self.feed.run())
        yield self.told
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def filled(api: ApiServer) -> ApiServer:
    api.put(
        namespace("default"),
        service("web", "default", "10.0.0.1", ports="http:tcp:80"),
        endpoints("web-1", "web", addresses=["10.1.0.1"]),
    )
    return api


async def test_what_there_is_is_told_and_then_what_changes(filled: ApiServer) -> None:
    made = Running(filled)
    async with made.running() as told:
        await until(lambda: told.store.synced)
        assert made.feed.ready
        assert told.has(WEB)
        assert not told.has(NONE)
        filled.put(service("none", "default", "10.0.0.2"))
        await until(lambda: told.has(NONE))
        filled.remove(service("web", "default"))
        await until(lambda: not told.has(WEB))


async def test_it_is_not_ready_before_each_kind_has_been_listed(filled: ApiServer) -> None:
    filled.refuse = 403
    made = Running(filled)
    async with made.running() as told:
        await until(lambda: len(filled.asked) >= 3)
        assert not made.feed.ready
        assert not told.store.synced
        filled.refuse = 0
        await until(lambda: told.store.synced)


async def test_a_new_worker_is_told_all(filled: ApiServer) -> None:
    made = Running(filled, "pods verified")
    filled.put(pod("p", "10.1.0.1"))
    async with made.running() as told:
        await until(lambda: told.store.synced)
        other = Store(made.options)
        for message in made.feed.everything():
            other.receive(message)
        assert other.names == told.store.names
        assert other.synced
        assert other.search_path("10.1.0.1")


async def test_answers_stay_while_the_api_is_away(filled: ApiServer) -> None:
    made = Running(filled)
    async with made.running() as told:
        await until(lambda: told.store.synced)
        await filled.stop()
        filled.put(service("none", "default", "10.0.0.2"))
        filled.forget()
        await asyncio.sleep(0.3)
        assert told.has(WEB)
        assert made.feed.ready
        await filled.start()
        await until(lambda: told.has(NONE))
        assert told.has(WEB)


async def test_options_are_asked_of_the_api(filled: ApiServer) -> None:
    lines = "labels app=web\nnamespace_labels team=a\nnoendpoints"
    made = Running(filled, lines)
    async with made.running() as told:
        await until(lambda: told.store.synced)
        lists = {line for line in filled.asked if "watch=1" not in line}
        assert lists == {
            "GET /api/v1/namespaces?labelSelector=team%3Da&limit=1000",
            "GET /api/v1/services?labelSelector=app%3Dweb&limit=1000",
        }
        filled.put(
            namespace("default", team="a"),
            service("web", "default", "10.0.0.1", labels={"app": "web"}),
        )
        await until(lambda: told.has(WEB))


async def test_requests_and_the_time_to_program_are_measured(filled: ApiServer) -> None:
    made = Running(filled)
    async with made.running() as told:
        await until(lambda: told.store.synced)
        at = {TRIGGER_TIME: datetime.now(UTC).isoformat().replace("+00:00", "Z")}
        filled.put(endpoints("web-1", "web", addresses=["10.1.0.2"], annotations=at))
        name = "10-1-0-2.web.default.svc"
        await until(lambda: told.has(name))
        rows = {(n, labels[:-1]): v for n, labels, v in told.counts.rows() if v and "bucket" in n}
        key = ("coredns_kubernetes_dns_programming_duration_seconds_bucket", ("cluster_ip",))
        assert rows[key] == 1
        requests = [row for row in told.counts.rows() if row[0].endswith("requests_total")]
        host = filled.address.removeprefix("http://")
        (found,) = [value for _, labels, value in requests if labels == ("200", "GET", host)]
        assert found >= 6


async def test_a_thousand_changes_are_told_in_small_messages(filled: ApiServer) -> None:
    made = Running(filled)
    async with made.running() as told:
        await until(lambda: told.store.synced)
        filled.put(
            *[service(f"s{n}", "default", f"10.0.{n // 250}.{n % 250}") for n in range(1000)]
        )
        last = "s999.default.svc"
        await until(lambda: told.has(last))
        assert told.longest < 20_000


def test_out_of_a_cluster_the_corefile_is_refused_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    block = parse(".:53 {\n  kubernetes cluster.local\n}")[0]
    options = Options(zones=(from_text("cluster.local"),))
    with pytest.raises(CorefileError, match="Corefile:2: kubernetes: not in a cluster"):
        make_feed(options, Told(options), block)


def test_own_addresses_are_those_it_is_bound_to_or_all_of_the_machine() -> None:
    bound = parse(". {\n bind 127.0.0.1 192.0.2.1\n}")[0]
    assert own_addresses(bound) == ["192.0.2.1"]
    everywhere = own_addresses(parse(". {\n whoami\n}")[0])
    assert "127.0.0.1" not in everywhere
