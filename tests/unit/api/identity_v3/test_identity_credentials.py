"""Application credentials: a program acts for a user, with no more than the user has."""

from typing import Any

import httpx2
import pytest

from polpo.api.context import Unauthorized
from polpo.testing.identity import IdentityCloud


async def make(cloud: IdentityCloud, user: str, token: str = "", **more: Any) -> httpx2.Response:
    path = f"/users/{cloud.user_id(user)}/application_credentials"
    body = {"application_credential": {"name": "robot", **more}}
    return await cloud.ask("POST", path, token or await cloud.token(user), body)


async def use(cloud: IdentityCloud, proof: Any, scope: Any = None) -> httpx2.Response:
    identity = {"methods": ["application_credential"], "application_credential": proof}
    auth = {"identity": identity, **({"scope": scope} if scope else {})}
    return await cloud.ask("POST", "/auth/tokens", json={"auth": auth})


async def test_the_secret_is_shown_once_and_works(cloud: IdentityCloud) -> None:
    made = (await make(cloud, "mia")).json()["application_credential"]
    path = f"/users/{cloud.user_id('mia')}/application_credentials/{made['id']}"
    shown = await cloud.ask("GET", path, await cloud.token("mia"))
    assert made["secret"] not in shown.text
    assert "secret" not in shown.json()["application_credential"]
    for proof in (
        {"id": made["id"], "secret": made["secret"]},
        {"name": "robot", "user": {"id": made["user_id"]}, "secret": made["secret"]},
    ):
        used = await use(cloud, proof)
        assert used.status_code == 201, used.text
        body = used.json()["token"]
        assert body["project"]["name"] == "shop"
        assert body["application_credential"]["restricted"] is True
    wrong = await use(cloud, {"id": made["id"], "secret": "wrong"})
    assert wrong.status_code == 401


async def test_it_lends_only_the_roles_it_was_given(cloud: IdentityCloud) -> None:
    made = await make(cloud, "mia", roles=[{"name": "reader"}], secret="s")
    used = await use(cloud, {"id": made.json()["application_credential"]["id"], "secret": "s"})
    assert [r["name"] for r in used.json()["token"]["roles"]] == ["reader"]
    refused = await make(cloud, "mia", roles=[{"name": "admin"}])
    assert refused.status_code == 400


async def test_a_restricted_one_makes_no_others(cloud: IdentityCloud) -> None:
    for unrestricted, status in ((False, 403), (True, 201)):
        name = f"robot {unrestricted}"
        made = await make(cloud, "mia", name=name, secret="s", unrestricted=unrestricted)
        id = made.json()["application_credential"]["id"]
        token = (await use(cloud, {"id": id, "secret": "s"})).headers["X-Subject-Token"]
        child = await make(cloud, "mia", token, name=f"child of {name}")
        assert child.status_code == status


async def test_it_cannot_go_anywhere_else(cloud: IdentityCloud) -> None:
    await cloud.add("mia", "member", "other")
    made = await make(cloud, "mia", secret="s")
    id = made.json()["application_credential"]["id"]
    other = {"project": {"id": cloud.project_id("other")}}
    assert (await use(cloud, {"id": id, "secret": "s"}, other)).status_code == 401
    token = (await use(cloud, {"id": id, "secret": "s"})).headers["X-Subject-Token"]
    proof = {"methods": ["token"], "token": {"id": token}}
    for scope in (None, other, {"project": {"id": cloud.project_id("shop")}}, "unscoped"):
        body = {"auth": {"identity": proof, "scope": scope}}
        response = await cloud.ask("POST", "/auth/tokens", json=body)
        assert response.status_code == 403, response.text


async def test_its_tokens_end_with_it(cloud: IdentityCloud, clock: Any) -> None:
    made = await make(cloud, "mia", secret="s", expires_at="2027-01-15T08:00:10Z")
    assert made.status_code == 201, made.text
    id = made.json()["application_credential"]["id"]
    assert made.json()["application_credential"]["expires_at"] == "2027-01-15T08:00:10.000000"
    token = (await use(cloud, {"id": id, "secret": "s"})).headers["X-Subject-Token"]
    clock.now += 10
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)
    assert (await use(cloud, {"id": id, "secret": "s"})).status_code == 401


async def test_a_removed_one_voids_its_tokens(cloud: IdentityCloud) -> None:
    made = await make(cloud, "mia", secret="s")
    id = made.json()["application_credential"]["id"]
    token = (await use(cloud, {"id": id, "secret": "s"})).headers["X-Subject-Token"]
    path = f"/users/{cloud.user_id('mia')}/application_credentials/{id}"
    assert (await cloud.ask("DELETE", path, token)).status_code == 403
    assert (await cloud.ask("DELETE", path, await cloud.token("mia"))).status_code == 204
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)


async def test_it_goes_with_the_role_that_it_lends(cloud: IdentityCloud) -> None:
    made = await make(cloud, "mia", secret="s")
    shop, mia = cloud.project_id("shop"), cloud.user_id("mia")
    role = f"/projects/{shop}/users/{mia}/roles/{cloud.role_id('member')}"
    await cloud.ask("DELETE", role, await cloud.token("admin"))
    proof = {"id": made.json()["application_credential"]["id"], "secret": "s"}
    assert (await use(cloud, proof)).status_code == 401


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"name": ""}, "name"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "must not be before now"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ({"access_rules": [{"path": "/"}]}, "access_rules"),
        ({"roles": [3]}, "roles"),
    ],
)
async def test_bad_input_names_the_field(
    cloud: IdentityCloud, more: dict[str, Any], says: str
) -> None:
    response = await make(cloud, "mia", **more)
    assert response.status_code == 400, response.text
    assert says in response.json()["error"]["message"]


async def test_nobody_makes_one_for_somebody_else(cloud: IdentityCloud) -> None:
    for other in ("rea", "admin"):
        assert (await make(cloud, "mia", await cloud.token(other))).status_code == 403
