"""Who may tell `polpo policy` of addresses, and what strangers at its socket can do."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.kube.domains import PATH, SERVER_NAME
from polpo.kube.errors import ApiError
from polpo.policy.answers import Answers
from polpo.policy.hearing import Hearing, Place
from polpo.policy.places import PlaceIndex
from polpo.policy.seen import Seen
from polpo.policy.strangers import MOST
from polpo.testing import free

HERE = "127.0.0.1"


class Secrets:
    """An API server that only keeps what is written into the one Secret."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.written = asyncio.Event()

    async def patch(self, _resource: Any, _name: str, _namespace: str, body: Any) -> None:
        self.said = {k: base64.b64decode(v).decode() for k, v in body["data"].items()}
        self.written.set()


@pytest.fixture
async def secrets() -> AsyncIterator[Secrets]:
    """Of one that hears."""

    async def in_force(_within_s: float) -> bool:
        return True

    places, api = PlaceIndex(), Secrets()
    answers = Answers(places, Seen(places), lambda: None, lambda: None)
    hearing = Hearing(api, answers, in_force, Place(HERE, free.port()))  # type: ignore[arg-type]
    task = asyncio.create_task(hearing.run())
    await api.written.wait()
    yield api
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def dns(secrets: Secrets, token: str = "") -> Client:
    url, ca = secrets.said["url"], secrets.said["certificate"].encode()
    given = token or secrets.said["token"]
    return Client(Cluster(server=url, ca=ca, token=given, server_name=SERVER_NAME))


async def test_who_has_not_the_token_is_told_nothing(secrets: Secrets) -> None:
    client = dns(secrets, "another")
    with pytest.raises(ApiError, match="401"):
        await client.call("GET", PATH, {"version": ""})
    await client.close()


async def test_many_who_say_nothing_are_shown_out_and_keep_nobody_from_being_heard(
    secrets: Secrets,
) -> None:
    port = int(secrets.said["url"].rpartition(":")[2])
    client = dns(secrets)
    assert b"version" in await client.call("GET", PATH, {"version": ""})
    silent = [socket.create_connection((HERE, port)) for _ in range(MOST + 20)]
    for one in silent:
        one.setblocking(False)
    assert b"version" in await client.call("GET", PATH, {"version": ""})
    late = dns(secrets)
    assert b"version" in await late.call("GET", PATH, {"version": ""})
    async with asyncio.timeout(60):
        for one in silent:
            with contextlib.suppress(ConnectionError):
                assert await asyncio.get_running_loop().sock_recv(one, 1) == b""
            one.close()
    assert b"version" in await client.call("GET", PATH, {"version": ""})
    await asyncio.gather(client.close(), late.close())
