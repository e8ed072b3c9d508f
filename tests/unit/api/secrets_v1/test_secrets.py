"""Secrets and containers: what is kept, who sees it, and what a request is refused for."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from polpo.api.context import Controller
from polpo.api.secrets_v1 import sealing
from polpo.api.secrets_v1.routes import routes
from polpo.model.secret import Secret
from polpo.testing.network import Hosts, NetworkCloud

NOW = "2026-11-27T07:00:00Z"


class Keeper:
    """Asks under /key-manager/v1 as one of NetworkCloud's people."""

    def __init__(self, cloud: NetworkCloud, folder: Path) -> None:
        self.cloud, self.now = cloud, NOW
        controller = Controller(cloud.store, cloud.identity.identity, Hosts(), "http://cloud")
        seal = sealing.load(folder / "keys")
        app = Starlette(routes=routes(controller, seal, lambda: self.now))
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://cloud")

    async def ask(
        self, who: str, method: str, path: str, json: Any = None, **more: Any
    ) -> httpx2.Response:
        headers = {"X-Auth-Token": self.cloud.tokens.get(who, "none"), **more.pop("headers", {})}
        url = path if "://" in path else f"/key-manager/v1{path}"
        return await self.client.request(method, url, json=json, headers=headers, **more)

    async def store(self, who: str = "mia", **body: Any) -> str:
        """The new secret's reference."""
        answer = await self.ask(who, "POST", "/secrets", {"payload": "secret", **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret_ref"])


@pytest_asyncio.fixture
async def keeper(database_url: str, tmp_path: Path) -> AsyncIterator[Keeper]:
    cloud = await NetworkCloud.open(database_url)
    yield Keeper(cloud, tmp_path)
    await cloud.close()


async def test_what_is_stored_is_sealed_and_comes_back(keeper: Keeper) -> None:
    ref = await keeper.store(name="n", algorithm="aes", bit_length=256, mode="cbc")
    (kept,) = keeper.cloud.store.snapshot.all(Secret)
    assert "secret" not in kept.sealed
    assert b"secret" not in base64.b64decode(kept.sealed)
    shown = (await keeper.ask("mia", "GET", ref)).json()
    assert {"name": "n", "algorithm": "aes", "bit_length": 256, "mode": "cbc"}.items() <= (
        shown.items()
    )
    assert shown["content_types"] == {"default": "text/plain"}
    assert "payload" not in shown
    payload = await keeper.ask("mia", "GET", f"{ref}/payload", headers={"Accept": "text/plain"})
    assert payload.text == "secret"


async def test_a_payload_may_come_later_and_only_once(keeper: Keeper) -> None:
    ref = (await keeper.ask("mia", "POST", "/secrets", {"name": "late"})).json()["secret_ref"]
    assert (await keeper.ask("mia", "GET", f"{ref}/payload")).status_code == 404
    binary = {"Content-Type": "application/octet-stream"}
    for status in (204, 409):
        put = await keeper.ask("mia", "PUT", ref, content=b"\0\1", headers=binary)
        assert put.status_code == status
    assert (await keeper.ask("mia", "GET", f"{ref}/payload")).content == b"\0\1"


@pytest.mark.parametrize("who", ["olaf", "admin", "nobody"])
async def test_others_do_not_see_it(keeper: Keeper, who: str) -> None:
    """Not the cloud's admin either."""
    ref = await keeper.store()
    unseen = 401 if who == "nobody" else 404
    for method, path in (("GET", ref), ("GET", f"{ref}/payload"), ("DELETE", ref)):
        assert (await keeper.ask(who, method, path)).status_code == unseen
    listed = await keeper.ask(who, "GET", "/secrets")
    assert listed.status_code == 401 or listed.json()["secrets"] == []


async def test_a_reader_sees_that_it_is_there_and_not_what_it_is(keeper: Keeper) -> None:
    ref = await keeper.store()
    assert (await keeper.ask("rea", "GET", ref)).status_code == 200
    assert (await keeper.ask("rea", "GET", f"{ref}/payload")).status_code == 403
    assert (await keeper.ask("rea", "DELETE", ref)).status_code == 403
    assert (await keeper.ask("rea", "POST", "/secrets", {"payload": "x"})).status_code == 403


async def test_who_is_let_in_sees_it_and_lets_nobody_in(keeper: Keeper) -> None:
    ref, olaf = await keeper.store(), keeper.cloud.identity.user_id("olaf")
    body = {"read": {"users": [olaf]}}
    assert (await keeper.ask("mia", "PUT", f"{ref}/acl", body)).status_code == 200
    assert (await keeper.ask("olaf", "GET", f"{ref}/payload")).text == "secret"
    assert (await keeper.ask("olaf", "PUT", f"{ref}/acl", body)).status_code == 403
    alone = {"read": {"project-access": False}}
    assert (await keeper.ask("mia", "PATCH", f"{ref}/acl", alone)).status_code == 200
    assert (await keeper.ask("rea", "GET", ref)).status_code == 404
    assert (await keeper.ask("olaf", "GET", ref)).status_code == 200
    shown = (await keeper.ask("mia", "GET", f"{ref}/acl")).json()["read"]
    assert (shown["users"], shown["project-access"]) == ([olaf], False)
    await keeper.ask("mia", "DELETE", f"{ref}/acl")
    assert (await keeper.ask("olaf", "GET", ref)).status_code == 404


async def test_who_is_let_in_to_read_neither_removes_nor_fills_it(keeper: Keeper) -> None:
    ref, olaf = await keeper.store(), keeper.cloud.identity.user_id("olaf")
    empty = (await keeper.ask("mia", "POST", "/secrets", {})).json()["secret_ref"]
    body = {"type": "generic", "secret_refs": [{"secret_ref": ref}]}
    held = (await keeper.ask("mia", "POST", "/containers", body)).json()["container_ref"]
    for kept in (ref, empty, held):
        await keeper.ask("mia", "PUT", f"{kept}/acl", {"read": {"users": [olaf]}})
        assert (await keeper.ask("olaf", "GET", kept)).status_code == 200
        assert (await keeper.ask("olaf", "DELETE", kept)).status_code == 403
    text = {"headers": {"Content-Type": "text/plain"}, "content": b"another"}
    assert (await keeper.ask("olaf", "PUT", empty, **text)).status_code == 403
    assert (await keeper.ask("mia", "PUT", empty, **text)).status_code == 204
    for kept in (held, ref, empty):
        assert (await keeper.ask("mia", "DELETE", kept)).status_code == 204


async def test_what_has_expired_is_not_there(keeper: Keeper) -> None:
    ref = await keeper.store(expiration="2026-11-27T09:00:00+01:00")
    assert (await keeper.ask("mia", "GET", ref)).json()["expiration"] == "2026-11-27T08:00:00"
    keeper.now = "2026-11-27T08:00:01Z"
    assert (await keeper.ask("mia", "GET", ref)).status_code == 404
    assert (await keeper.ask("mia", "GET", "/secrets")).json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"secret_type": "joke"}, 400, "secret_type"),
        ({"payload": 7}, 400, "payload"),
        ({"payload": ""}, 400, "'payload' must not be empty"),
        ({"payload_content_type": "text/html"}, 400, "'payload_content_type'"),
        ({"payload_content_type": "application/octet-stream"}, 400, "payload_content_encoding"),
        (
            {
                "payload": "??",
                "payload_content_type": "application/octet-stream",
                "payload_content_encoding": "base64",
            },
            400,
            "not base64",
        ),
        ({"payload": None, "payload_content_type": "text/plain"}, 400, "'payload' must be given"),
        ({"payload": "x" * 20_001}, 413, "20000"),
        ({"payload": "x" * 70_000}, 413, "too large"),
        ({"expiration": "soon"}, 400, "'expiration'"),
        ({"expiration": "2020-01-01T00:00:00"}, 400, "'expiration' is before"),
        ({"expiration": "0001-01-01T00:00:00+01:00"}, 400, "'expiration'"),
        ({"color": "red"}, 400, "color"),
        ({"name": "\0"}, 400, "name"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    keeper: Keeper, body: dict[str, Any], status: int, said: str
) -> None:
    answer = await keeper.ask("mia", "POST", "/secrets", {"payload": "p", **body})
    assert answer.status_code == status
    assert said in answer.json()["description"]
    assert keeper.cloud.store.snapshot.count(Secret) == 0


async def test_containers_have_the_parts_of_their_type(keeper: Keeper) -> None:
    cert, key = await keeper.store(name="c"), await keeper.store(name="k")

    async def make(who: str = "mia", **refs: str) -> httpx2.Response:
        listed = [{"name": name, "secret_ref": ref} for name, ref in refs.items()]
        body = {"type": "certificate", "name": "web", "secret_refs": listed}
        return await keeper.ask(who, "POST", "/containers", body)

    for refs in ({"private_key": key}, {"certificate": cert, "color": key}):
        refused = await make(**refs)
        assert refused.status_code == 400
        assert "private_key_passphrase" in refused.json()["description"]
    assert (await make("olaf", certificate=cert)).status_code == 404
    twice = await make(certificate=cert, private_key=cert)
    assert (twice.status_code, twice.json()["title"]) == (400, "Bad Request")
    made = await make(certificate=cert, private_key=key)
    ref = made.json()["container_ref"]
    shown = (await keeper.ask("mia", "GET", ref)).json()
    assert {r["name"]: r["secret_ref"] for r in shown["secret_refs"]} == {
        "certificate": cert,
        "private_key": key,
    }
    assert (await keeper.ask("olaf", "GET", ref)).status_code == 404
    assert (await keeper.ask("mia", "DELETE", ref)).status_code == 204
    assert (await keeper.ask("mia", "GET", cert)).status_code == 200


async def test_lists_go_page_by_page(keeper: Keeper) -> None:
    for n in range(5):
        await keeper.store(name=f"s{n % 2}")
    first = (await keeper.ask("mia", "GET", "/secrets?limit=2&offset=2")).json()
    assert (len(first["secrets"]), first["total"]) == (2, 5)
    assert "offset=4" in first["next"]
    assert "offset=0" in first["previous"]
    assert (await keeper.ask("mia", "GET", "/secrets?name=s1")).json()["total"] == 2


async def test_notes_are_kept_beside_it(keeper: Keeper) -> None:
    ref = await keeper.store()
    assert (await keeper.ask("mia", "GET", f"{ref}/metadata")).json() == {"metadata": {}}
    noted = {"metadata": {"Color": "red"}}
    assert (await keeper.ask("mia", "PUT", f"{ref}/metadata", noted)).status_code == 201
    shown = (await keeper.ask("mia", "GET", f"{ref}/metadata")).json()
    assert shown == {"metadata": {"color": "red"}}


async def test_who_is_let_in_to_read_does_not_write_notes(keeper: Keeper) -> None:
    ref, olaf = await keeper.store(), keeper.cloud.identity.user_id("olaf")
    await keeper.ask("mia", "PUT", f"{ref}/acl", {"read": {"users": [olaf]}})
    noted = {"metadata": {"color": "red"}}
    assert (await keeper.ask("olaf", "PUT", f"{ref}/metadata", noted)).status_code == 403
    assert (await keeper.ask("olaf", "GET", f"{ref}/metadata")).json() == {"metadata": {}}


async def test_notes_that_come_slowly_do_not_let_in_again_who_has_been_shut_out(
    keeper: Keeper,
) -> None:
    ref, olaf = await keeper.store(), keeper.cloud.identity.user_id("olaf")
    await keeper.ask("mia", "PUT", f"{ref}/acl", {"read": {"users": [olaf]}})

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"metadata": '
        assert (await keeper.ask("mia", "DELETE", f"{ref}/acl")).status_code == 200
        yield b"{}}"

    assert (await keeper.ask("mia", "PUT", f"{ref}/metadata", content=slowly())).status_code == 201
    assert (await keeper.ask("olaf", "GET", f"{ref}/payload")).status_code == 404


async def test_who_has_left_the_project_does_not_see_what_they_have_made(keeper: Keeper) -> None:
    """Their token is of another one."""
    ref, cloud = await keeper.store(), keeper.cloud
    await cloud.identity.add("mia", "member", "other")
    cloud.tokens["mia"] = cloud.token("mia", "other")
    assert (await keeper.ask("mia", "GET", f"{ref}/payload")).status_code == 404
    open_to = {"read": {"users": [cloud.identity.user_id("olaf")]}}
    assert (await keeper.ask("mia", "PUT", f"{ref}/acl", open_to)).status_code == 404
