"""Logging in: by what, where to, for how long, and what ends it."""

from typing import Any

import pytest

from polpo.api.context import Unauthorized
from polpo.api.identity_v3.attempts import LIMIT
from polpo.api.identity_v3.keys import KEPT, rotate
from polpo.testing.identity import PASSWORD, IdentityCloud


async def test_a_password_gives_a_token_for_the_default_project(cloud: IdentityCloud) -> None:
    response = await cloud.log_in("mia")
    body = response.json()["token"]
    assert response.status_code == 201
    assert body["project"]["name"] == "shop"
    assert body["user"]["domain"] == {"id": "default", "name": "Default"}
    assert [role["name"] for role in body["roles"]] == ["member", "reader"]
    assert {s["type"] for s in body["catalog"]} >= {"identity", "network", "load-balancer"}
    context = await cloud.identity.authenticate(response.headers["X-Subject-Token"])
    assert (context.user_name, context.project_name) == ("mia", "shop")
    assert context.may_write
    assert not context.is_admin


@pytest.mark.parametrize(
    ("scope", "member"),
    [
        ({"project": {"name": "admin", "domain": {"name": "default"}}}, "project"),
        ({"project": {"name": "admin", "domain": {"id": "default"}}}, "project"),
        ({"system": {"all": True}}, "system"),
    ],
)
async def test_scopes_that_admin_has(cloud: IdentityCloud, scope: Any, member: str) -> None:
    body = (await cloud.log_in("admin", scope=scope)).json()["token"]
    assert member in body
    assert "admin" in {role["name"] for role in body["roles"]}


@pytest.mark.parametrize("scope", [{"unscoped": {}}, "unscoped", {}])
async def test_an_unscoped_token_has_no_roles_and_no_catalog(
    cloud: IdentityCloud, scope: Any
) -> None:
    response = await cloud.log_in("admin", scope=scope)
    if scope == {}:
        assert response.status_code == 400
        return
    assert not {"roles", "catalog", "project"} & set(response.json()["token"])
    context = await cloud.identity.authenticate(response.headers["X-Subject-Token"])
    assert not context.is_admin
    assert not context.may_write


async def test_an_unscoped_token_gives_a_scoped_one_that_ends_with_it(cloud: IdentityCloud) -> None:
    first = await cloud.log_in("mia", scope="unscoped")
    proof = {"methods": ["token"], "token": {"id": first.headers["X-Subject-Token"]}}
    scope = {"project": {"id": cloud.project_id("shop")}}
    second = await cloud.ask(
        "POST", "/auth/tokens", json={"auth": {"identity": proof, "scope": scope}}
    )
    old, new = first.json()["token"], second.json()["token"]
    assert new["expires_at"] == old["expires_at"]
    assert new["audit_ids"][1:] == old["audit_ids"]
    assert new["methods"] == ["token", "password"]


@pytest.mark.parametrize(
    "scope",
    [
        {"project": {"name": "other", "domain": {"id": "default"}}},
        {"project": {"id": "no such"}},
        {"project": {"name": "shop", "domain": {"id": "no such"}}},
        {"domain": {"id": "default"}},
        {"domain": {"name": "no such"}},
        {"system": {"all": True}},
    ],
)
async def test_no_role_there_is_no_token(cloud: IdentityCloud, scope: Any) -> None:
    assert (await cloud.log_in("mia", scope=scope)).status_code == 401


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    cloud: IdentityCloud,
) -> None:
    wrong = await cloud.log_in("mia", "wrong")
    nobody = await cloud.log_in("nobody", "wrong")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.content == nobody.content
    assert wrong.headers["WWW-Authenticate"] == 'Keystone uri="http://cloud/identity"'


async def test_after_too_many_wrong_passwords_even_the_right_one_must_wait(
    cloud: IdentityCloud,
) -> None:
    for _ in range(LIMIT):
        assert (await cloud.log_in("mia", "wrong")).status_code == 401
    refused = await cloud.log_in("mia")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert (await cloud.log_in("rea")).status_code == 201


async def test_a_token_ends_after_an_hour(cloud: IdentityCloud, clock: Any) -> None:
    token = await cloud.token("mia")
    clock.now += 3599.9
    await cloud.identity.authenticate(token)
    clock.now += 0.1
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)


async def test_a_revoked_token_is_refused_at_once(cloud: IdentityCloud, clock: Any) -> None:
    token, other = await cloud.token("mia"), await cloud.token("mia")
    gone = await cloud.ask("DELETE", "/auth/tokens", other, X_Subject_Token=token)
    assert gone.status_code == 204
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)
    await cloud.identity.authenticate(other)
    seen = await cloud.ask("GET", "/auth/tokens", other, X_Subject_Token=token)
    assert seen.status_code == 404


async def test_a_new_password_voids_the_tokens_of_the_old(cloud: IdentityCloud, clock: Any) -> None:
    token = await cloud.token("mia")
    clock.now += 1
    body = {"user": {"original_password": PASSWORD, "password": "new"}}
    path = f"/users/{cloud.user_id('mia')}/password"
    assert (await cloud.ask("POST", path, token, body)).status_code == 204
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)
    assert (await cloud.log_in("mia")).status_code == 401
    await cloud.token("mia", "new")


async def test_a_disabled_user_is_out_and_old_tokens_do_not_come_back(
    cloud: IdentityCloud, clock: Any
) -> None:
    token, admin = await cloud.token("mia"), await cloud.token("admin")
    clock.now += 1
    path = f"/users/{cloud.user_id('mia')}"
    for enabled in (False, True):
        await cloud.ask("PATCH", path, admin, {"user": {"enabled": enabled}})
        with pytest.raises(Unauthorized):
            await cloud.identity.authenticate(token)
        assert (await cloud.log_in("mia")).status_code == (201 if enabled else 401)


@pytest.mark.parametrize("what", ["projects", "domains"])
async def test_a_disabled_project_or_domain_is_closed(cloud: IdentityCloud, what: str) -> None:
    token, admin = await cloud.token("mia"), await cloud.token("admin")
    id = cloud.project_id("shop") if what == "projects" else "default"
    body = {what[:-1]: {"enabled": False}}
    assert (await cloud.ask("PATCH", f"/{what}/{id}", admin, body)).status_code == 200
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)


async def test_roles_are_read_now_and_not_from_the_token(cloud: IdentityCloud) -> None:
    token, admin = await cloud.token("rea"), await cloud.token("admin")
    assert not (await cloud.identity.authenticate(token)).may_write
    shop, rea = cloud.project_id("shop"), cloud.user_id("rea")
    grants = f"/projects/{shop}/users/{rea}/roles"
    await cloud.ask("PUT", f"{grants}/{cloud.role_id('member')}", admin)
    assert (await cloud.identity.authenticate(token)).may_write
    for role in ("member", "reader"):
        await cloud.ask("DELETE", f"{grants}/{cloud.role_id(role)}", admin)
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)


async def test_keys_rotate_and_the_oldest_go_away(cloud: IdentityCloud) -> None:
    token = await cloud.token("mia")
    for _ in range(KEPT - 1):
        await cloud.store.write(rotate)
        await cloud.identity.authenticate(token)
        await cloud.identity.authenticate(await cloud.token("mia"))
    await cloud.store.write(rotate)
    with pytest.raises(Unauthorized):
        await cloud.identity.authenticate(token)


async def test_validation_shows_the_same_token(cloud: IdentityCloud) -> None:
    issued = await cloud.log_in("mia")
    token = issued.headers["X-Subject-Token"]
    shown = await cloud.ask("GET", "/auth/tokens", token, X_Subject_Token=token)
    assert shown.json() == issued.json()
    assert shown.headers["X-Subject-Token"] == token
    short = await cloud.ask("GET", "/auth/tokens?nocatalog", token, X_Subject_Token=token)
    assert "catalog" not in short.json()["token"]
    assert (
        await cloud.ask("HEAD", "/auth/tokens", token, X_Subject_Token=token)
    ).status_code == 200


async def test_only_admins_see_others_tokens(cloud: IdentityCloud) -> None:
    mia, rea, admin = [await cloud.token(name) for name in ("mia", "rea", "admin")]
    for method in ("GET", "DELETE"):
        refused = await cloud.ask(method, "/auth/tokens", rea, X_Subject_Token=mia)
        assert refused.status_code == 403
    shown = await cloud.ask("GET", "/auth/tokens", admin, X_Subject_Token=mia)
    assert shown.status_code == 200


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        (None, "auth"),
        ({}, "identity"),
        ({"identity": {}}, "methods"),
        ({"identity": {"methods": []}}, "methods"),
        ({"identity": {"methods": ["password"]}}, "password"),
        ({"identity": {"methods": ["password"], "password": {}}}, "user"),
        ({"identity": {"methods": ["password"], "password": {"user": {}}}}, "password"),
        (
            {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
            "id or name",
        ),
        (
            {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "mia", "password": "x"}},
                }
            },
            "domain in user",
        ),
        ({"identity": {"methods": ["token"], "token": {"id": 3}}}, "identity/token/id"),
    ],
)
async def test_what_is_missing_is_named(cloud: IdentityCloud, auth: Any, says: str) -> None:
    response = await cloud.ask("POST", "/auth/tokens", json={} if auth is None else {"auth": auth})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["title"]) == (400, 400, "Bad Request")
    assert says in error["message"]
