"""A reflector against a server that goes away, forgets, hangs and lies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.objects import Service
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector
from polpo.kube.resources import SERVICES
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import service


class Seen:
    """What a reflector has said, and where that leads."""

    def __init__(self) -> None:
        self.objects: dict[str, Service] = {}
        self.changes = 0
        self.synced = 0

    def changed(self, changes: list[Change[Service]]) -> None:
        self.changes += len(changes)
        for key, item in changes:
            if item is None:
                del self.objects[key]
            else:
                self.objects[key] = item

    def sync(self) -> None:
        self.synced += 1


@pytest.fixture
async def seen(api: ApiServer, client: Client) -> AsyncIterator[Seen]:
    """Of a reflector that runs during the test; a and b are there from the start."""
    api.put(service("a", "x", "10.0.0.1"), service("b", "x", "10.0.0.2"))
    seen = Seen()
    backoff = Backoff(first_s=0.01, longest_s=0.05)
    reflector = Reflector(client, SERVICES, seen.changed, seen.sync, backoff=backoff)
    task = asyncio.create_task(reflector.run())
    await until(lambda: seen.synced == 1)
    yield seen
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_all_is_listed_and_then_watched(api: ApiServer, seen: Seen) -> None:
    assert set(seen.objects) == {"x/a", "x/b"}
    assert seen.objects["x/a"].spec.cluster_ips == ("10.0.0.1",)
    api.put(service("c", "y"))
    api.remove(service("a", "x"))
    await until(lambda: set(seen.objects) == {"x/b", "y/c"})
    assert seen.changes == 4


async def test_a_connection_that_is_cut_loses_nothing(api: ApiServer, seen: Seen) -> None:
    api.cut()
    api.put(service("c", "y"))
    await until(lambda: "y/c" in seen.objects)
    assert seen.synced == 1
    assert seen.changes == 3


async def test_an_api_that_is_away_takes_nothing_away(api: ApiServer, seen: Seen) -> None:
    await api.stop()
    api.put(service("c", "y"))
    api.remove(service("a", "x"))
    await asyncio.sleep(0.2)
    assert set(seen.objects) == {"x/a", "x/b"}
    await api.start()
    await until(lambda: set(seen.objects) == {"x/b", "y/c"})


async def test_history_that_is_forgotten_is_made_good_by_a_list(api: ApiServer, seen: Seen) -> None:
    await api.stop()
    api.remove(service("a", "x"))
    api.put(service("c", "y"))
    api.forget()
    await api.start()
    await until(lambda: set(seen.objects) == {"x/b", "y/c"})
    assert seen.changes == 4, "what has not changed is not said again"


async def test_a_watch_that_is_told_of_forgotten_history_lists_anew(
    api: ApiServer, seen: Seen
) -> None:
    api.put(service("c", "y"))
    await until(lambda: "y/c" in seen.objects)
    api.stored.history.clear()
    api.stored.objects.pop(("services", "x", "a"))
    api.forget()
    await until(lambda: set(seen.objects) == {"x/b", "y/c"})


async def test_a_bookmark_moves_the_place_where_a_watch_goes_on(api: ApiServer, seen: Seen) -> None:
    api.stored.revision += 1000
    api.bookmark("services")
    await asyncio.sleep(0.05)
    api.stored.history.clear()
    api.stored.oldest = api.stored.revision
    lists = len([line for line in api.asked if "watch" not in line])
    api.cut()
    api.put(service("c", "y"))
    await until(lambda: "y/c" in seen.objects)
    assert len([line for line in api.asked if "watch" not in line]) == lists


async def test_refusals_and_overload_are_waited_for(api: ApiServer, seen: Seen) -> None:
    for code in (403, 429, 500, 503):
        api.refuse = code
        api.cut()
        asked = len(api.asked)
        await until(lambda asked=asked: len(api.asked) > asked)  # type: ignore[misc]
    assert set(seen.objects) == {"x/a", "x/b"}
    api.refuse = 0
    api.put(service("c", "y"))
    await until(lambda: "y/c" in seen.objects)


async def test_an_object_that_cannot_be_read_hides_no_other(api: ApiServer, client: Client) -> None:
    odd = service("odd", "x")
    odd["spec"]["ports"] = [{"port": "eighty"}]
    api.put(odd, service("a", "x"))
    seen = Seen()
    task = asyncio.create_task(Reflector(client, SERVICES, seen.changed, seen.sync).run())
    await until(lambda: seen.synced == 1)
    api.put(odd, service("b", "x"))
    await until(lambda: set(seen.objects) == {"x/a", "x/b"})
    task.cancel()


async def test_selectors_and_a_namespace_are_the_servers_work(
    api: ApiServer, client: Client
) -> None:
    api.put(service("a", "x", labels={"k": "v"}), service("b", "x"), service("c", "y"))
    seen = Seen()
    reflector = Reflector(client, SERVICES, seen.changed, seen.sync, namespace="x", labels="k=v")
    task = asyncio.create_task(reflector.run())
    await until(lambda: seen.synced == 1)
    assert set(seen.objects) == {"x/a"}
    api.put(service("d", "y", labels={"k": "v"}), service("e", "x", labels={"k": "v"}))
    await until(lambda: set(seen.objects) == {"x/a", "x/e"})
    task.cancel()


async def test_two_thousand_services_come_in_pages(api: ApiServer, client: Client) -> None:
    api.put(*[service(f"s{n}", "x") for n in range(2500)])
    seen = Seen()
    task = asyncio.create_task(Reflector(client, SERVICES, seen.changed, seen.sync).run())
    await until(lambda: seen.synced == 1)
    assert len(seen.objects) == 2500
    assert len([line for line in api.asked if "limit=" in line]) == 3
    task.cancel()


async def test_pages_that_the_server_forgets_are_asked_for_whole(
    api: ApiServer, client: Client
) -> None:
    api.put(*[service(f"s{n}", "x") for n in range(1500)])
    seen = Seen()

    def forget(changes: list[Change[Service]]) -> None:
        if not seen.changes:
            api.forget()
        seen.changed(changes)

    task = asyncio.create_task(Reflector(client, SERVICES, forget, seen.sync).run())
    await until(lambda: seen.synced == 1)
    assert len(seen.objects) == 1500
    assert api.asked[2] == "GET /api/v1/services"
    task.cancel()


async def test_a_watch_at_a_server_that_hangs_is_given_up_when_its_time_is_over(
    api: ApiServer, client: Client
) -> None:
    api.put(service("a", "x"))
    seen, said = Seen(), list[str]()
    reflector = Reflector(
        client, SERVICES, seen.changed, seen.sync, watch_s=1, overdue_s=0.1, warn=said.append
    )
    task = asyncio.create_task(reflector.run())
    await until(lambda: seen.synced == 1)
    api.hang = True
    api.put(service("b", "x"))
    await until(lambda: bool(said))
    assert "has not ended in time" in said[0]
    api.hang = False
    api.cut()
    await until(lambda: set(seen.objects) == {"x/a", "x/b"})
    task.cancel()
