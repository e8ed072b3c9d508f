"""The client against a server on a real socket."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polpo.kube.client import MERGE_PATCH, Client, Observer
from polpo.kube.configuration import Cluster
from polpo.kube.errors import ApiError
from polpo.kube.pace import Pace
from polpo.lab.kubernetes.certificates import Authority
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import namespace, service

PATH = "/api/v1/namespaces"


async def test_objects_are_made_changed_and_removed(api: ApiServer, client: Client) -> None:
    made = json.loads(await client.call("POST", PATH, body=json.dumps(namespace("a")).encode()))
    assert made["metadata"]["resourceVersion"]
    labels = json.dumps({"metadata": {"labels": {"k": "v"}}}).encode()
    await client.call("PATCH", f"{PATH}/a", body=labels, content=MERGE_PATCH)
    assert api.stored.one("namespaces", "", "a")["metadata"]["labels"] == {"k": "v"}
    await client.call("DELETE", f"{PATH}/a")
    with pytest.raises(ApiError) as error:
        await client.call("GET", f"{PATH}/a")
    assert (error.value.status, error.value.reason) == (404, "NotFound")


async def test_a_conflict_is_told_as_one(api: ApiServer, client: Client) -> None:
    api.put(namespace("a"))
    with pytest.raises(ApiError) as error:
        await client.call("POST", PATH, body=json.dumps(namespace("a")).encode())
    assert (error.value.status, error.value.reason) == (409, "AlreadyExists")


async def test_connections_are_kept_and_a_dead_one_is_noticed(
    api: ApiServer, client: Client
) -> None:
    await client.call("GET", PATH)
    assert len(client._idle) == 1
    await api.stop()
    await api.start()
    await client.call("GET", PATH)
    assert len(client._idle) == 1


async def test_nobody_there_is_status_nought(api: ApiServer, client: Client) -> None:
    await api.stop()
    with pytest.raises(ApiError) as error:
        await client.call("GET", PATH)
    assert error.value.status == 0
    assert str(api.port) in str(error.value)


async def test_a_server_that_hangs_is_given_up(api: ApiServer) -> None:
    api.hang = True
    client = Client(Cluster(server=api.address), patience_s=0.2)
    with pytest.raises(ApiError, match="no answer"):
        await client.call("GET", PATH)
    await client.close()


async def test_a_server_that_speaks_something_else_is_an_error(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    other = Client(Cluster(server=f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    with pytest.raises(ApiError):
        await other.call("GET", PATH)
    await other.close()
    server.close()
    await server.wait_closed()


async def test_a_token_is_read_again_when_it_is_refused(api: ApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    api.token = "old"
    client = Client(Cluster(server=api.address, token_file=str(token)))
    await client.call("GET", PATH)
    token.write_text("new")
    api.token = "new"
    await client.call("GET", PATH)
    assert api.tokens == ["Bearer old", "Bearer old", "Bearer new"]
    api.token = "newer"
    with pytest.raises(ApiError) as error:
        await client.call("GET", PATH)
    assert error.value.status == 401
    await client.close()


async def test_a_name_and_password_are_sent(api: ApiServer) -> None:
    client = Client(Cluster(server=api.address, username="u", password="p"))
    await client.call("GET", PATH)
    assert api.tokens == ["Basic dTpw"]
    await client.close()


async def test_requests_are_observed_also_those_that_fail(api: ApiServer) -> None:
    seen: list[tuple[str, str, str]] = []

    class Watcher(Observer):
        def asked(self, method: str, host: str, code: str, seconds: float) -> None:
            seen.append((method, host, code))

    client = Client(Cluster(server=api.address), observer=Watcher())
    await client.call("GET", PATH)
    with pytest.raises(ApiError):
        await client.call("GET", "/api/v1/nonsense")
    await api.stop()
    with pytest.raises(ApiError):
        await client.call("GET", PATH)
    host = f"127.0.0.1:{api.port}"
    assert seen == [("GET", host, "200"), ("GET", host, "404"), ("GET", host, "<error>")]
    await client.close()


def test_a_pace_lets_a_burst_through_and_then_holds_back() -> None:
    now = 0.0
    pace = Pace(qps=2.0, burst=3, clock=lambda: now)
    assert [pace.wait_s() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    now = 10.0
    assert pace.wait_s() == 0


async def test_no_more_requests_are_under_way_than_allowed(api: ApiServer) -> None:
    api.hang = True
    client = Client(Cluster(server=api.address), pace=Pace(inflight=2))
    calls = [asyncio.create_task(client.call("GET", PATH)) for _ in range(5)]
    await until(lambda: len(api.asked) == 2)
    await asyncio.sleep(0.05)
    assert len(api.asked) == 2
    api.hang = False
    api._tell()
    await asyncio.gather(*calls)
    await client.close()


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[ApiServer, Authority]]:
    authority = Authority(tmp_path)
    pair = authority.issue("server", at=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ApiServer(context)
    await server.start()
    yield server, authority
    await server.stop()


async def test_both_sides_show_certificates_and_ours_may_be_renewed(
    secure: tuple[ApiServer, Authority],
) -> None:
    api, authority = secure
    api.put(service("a"))
    pair = authority.issue("client")
    cluster = Cluster(
        server=api.address,
        ca_file=str(authority.certificate),
        certificate=pair.certificate.read_bytes(),
        key=pair.key.read_bytes(),
    )
    client = Client(cluster)
    assert b'"a"' in await client.call("GET", "/api/v1/services")
    await client.close()


async def test_a_server_that_another_authority_vouches_for_is_not_believed(
    secure: tuple[ApiServer, Authority], tmp_path: Path
) -> None:
    api, _ = secure
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    client = Client(Cluster(server=api.address, ca_file=str(other.certificate)))
    with pytest.raises(ApiError, match="certificate verify failed"):
        await client.call("GET", PATH)
    await client.close()


async def test_certificates_that_cannot_be_read_are_said() -> None:
    client = Client(Cluster(server="https://127.0.0.1:1", ca_file="/nowhere/ca.crt"))
    with pytest.raises(ApiError, match="No such file"):
        await client.call("GET", PATH)
    await client.close()
