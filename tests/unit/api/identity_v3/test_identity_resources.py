"""Domains, projects, users, roles and what joins them, by the API."""

from typing import Any

import pytest
import pytest_asyncio

from polpo.model.identity import ApplicationCredential, RoleAssignment
from polpo.testing.identity import IdentityCloud


class Admin:
    """Asks as the cloud's admin, and expects a status."""

    def __init__(self, cloud: IdentityCloud, token: str) -> None:
        self.cloud, self.token = cloud, token

    async def __call__(self, method: str, path: str, status: int, json: Any = None) -> Any:
        response = await self.cloud.ask(method, path, self.token, json)
        assert response.status_code == status, response.text
        return response.json() if response.content else None


@pytest_asyncio.fixture
async def admin(cloud: IdentityCloud) -> Admin:
    return Admin(cloud, await cloud.token("admin"))


@pytest.mark.parametrize("kind", ["domain", "project", "user", "role"])
async def test_make_show_list_change_remove(admin: Admin, kind: str) -> None:
    made = (await admin("POST", f"/{kind}s", 201, {kind: {"name": "Ada", "enabled": True}}))[kind]
    path = f"/{kind}s/{made['id']}"
    assert made["links"]["self"] == f"http://cloud/identity/v3{path}"
    assert (await admin("GET", path, 200))[kind] == made
    assert (await admin("GET", f"/{kind}s?name=Ada", 200))[f"{kind}s"] == [made]
    assert (await admin("GET", f"/{kind}s?name=Eve", 200))[f"{kind}s"] == []
    change = {"description": "first", "enabled": False}
    changed = (await admin("PATCH", path, 200, {kind: change}))[kind]
    assert changed["description"] == "first"
    assert changed["name"] == "Ada"
    if kind != "role":
        assert (await admin("GET", f"/{kind}s?enabled=False", 200))[f"{kind}s"] == [changed]
    await admin("DELETE", path, 204)
    for method in ("GET", "DELETE"):
        error = (await admin(method, path, 404))["error"]
        assert error["message"] == f"Could not find {kind}: {made['id']}."
    await admin("PATCH", path, 404, {kind: {}})


@pytest.mark.parametrize("kind", ["domain", "project", "user", "role"])
async def test_a_name_is_taken_once(admin: Admin, kind: str) -> None:
    await admin("POST", f"/{kind}s", 201, {kind: {"name": "twice"}})
    other = await admin("POST", f"/{kind}s", 201, {kind: {"name": "third"}})
    error = (await admin("POST", f"/{kind}s", 409, {kind: {"name": "Twice"}}))["error"]
    assert error["message"].startswith(f"Conflict occurred attempting to store {kind}")
    await admin("PATCH", f"/{kind}s/{other[kind]['id']}", 409, {kind: {"name": "twice"}})


async def test_the_same_name_in_another_domain_is_another_user(admin: Admin) -> None:
    domain = (await admin("POST", "/domains", 201, {"domain": {"name": "two"}}))["domain"]
    for kind in ("user", "project"):
        body = {kind: {"name": "mia" if kind == "user" else "shop", "domain_id": domain["id"]}}
        await admin("POST", f"/{kind}s", 201, body)
        listed = await admin("GET", f"/{kind}s?domain_id={domain['id']}", 200)
        assert len(listed[f"{kind}s"]) == 1
    await admin("POST", "/users", 404, {"user": {"name": "x", "domain_id": "no such"}})


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("user", {}, "name"),
        ("user", {"name": ""}, "name"),
        ("user", {"name": "  "}, "name"),
        ("user", {"name": "a\x00b"}, "name"),
        ("user", {"name": "x" * 256}, "name"),
        ("user", {"name": 7}, "name"),
        ("user", {"name": "x", "enabled": "yes"}, "enabled"),
        ("user", {"name": "x", "password": 7}, "password"),
        ("user", {"name": "x", "options": {"multi_factor_auth_enabled": True}}, "options/multi"),
        ("project", {"name": "x" * 65}, "name"),
        ("project", {"name": "x", "tags": ["a", "a"]}, "tags"),
        ("project", {"name": "x", "tags": ["a/b"]}, "tags"),
        ("project", {"name": "x", "is_domain": True}, "is_domain"),
        ("project", {"name": "x", "parent_id": "y"}, "parent_id"),
        ("role", {"name": None}, "name"),
        ("role", {"name": "x", "domain_id": "default"}, "domain_id"),
        ("domain", [], "domain"),
    ],
)
async def test_bad_input_names_the_field(admin: Admin, kind: str, body: Any, says: str) -> None:
    error = (await admin("POST", f"/{kind}s", 400, {kind: body}))["error"]
    assert says in error["message"]


async def test_no_answer_shows_a_password(admin: Admin, cloud: IdentityCloud) -> None:
    secret = "a very secret word"
    body = {"user": {"name": "ada", "password": secret, "department": "sea"}}
    made = await admin("POST", "/users", 201, body)
    assert made["user"]["department"] == "sea"
    await cloud.token("ada", secret)
    for path in ("/users", f"/users/{made['user']['id']}"):
        shown = str(await admin("GET", path, 200))
        assert secret not in shown
        assert "argon2" not in shown


async def test_a_removed_user_leaves_nothing(admin: Admin, cloud: IdentityCloud) -> None:
    mia = cloud.user_id("mia")
    await cloud.ask(
        "POST",
        f"/users/{mia}/application_credentials",
        await cloud.token("mia"),
        {"application_credential": {"name": "robot"}},
    )
    await admin("DELETE", f"/users/{mia}", 204)
    assert not list(cloud.store.snapshot.by(RoleAssignment, "user", mia))
    assert not cloud.store.snapshot.count(ApplicationCredential)


async def test_a_removed_project_is_nobodys(admin: Admin, cloud: IdentityCloud) -> None:
    shop = cloud.project_id("shop")
    await admin("DELETE", f"/projects/{shop}", 204)
    assert not list(cloud.store.snapshot.by(RoleAssignment, "target", f"project/{shop}"))
    user = (await admin("GET", f"/users/{cloud.user_id('mia')}", 200))["user"]
    assert "default_project_id" not in user
    assert "project" not in (await cloud.log_in("mia")).json()["token"]


async def test_a_domain_goes_with_all_that_is_in_it_once_disabled(
    admin: Admin, cloud: IdentityCloud
) -> None:
    domain = (await admin("POST", "/domains", 201, {"domain": {"name": "two"}}))["domain"]
    path = f"/domains/{domain['id']}"
    body = {"user": {"name": "ada", "domain_id": domain["id"]}}
    user = (await admin("POST", "/users", 201, body))["user"]
    await admin("PUT", f"{path}/users/{user['id']}/roles/{cloud.role_id('admin')}", 204)
    await admin("DELETE", path, 403)
    await admin("PATCH", path, 200, {"domain": {"enabled": False}})
    await admin("DELETE", path, 204)
    await admin("GET", f"/users/{user['id']}", 404)
    await admin("DELETE", "/domains/default", 403)


async def test_the_three_roles_cannot_be_removed_or_renamed(
    admin: Admin, cloud: IdentityCloud
) -> None:
    for name in ("admin", "member", "reader"):
        path = f"/roles/{cloud.role_id(name)}"
        await admin("DELETE", path, 403)
        await admin("PATCH", path, 403, {"role": {"name": "boss"}})


async def test_roles_are_given_shown_and_taken(admin: Admin, cloud: IdentityCloud) -> None:
    other, mia, role = (
        cloud.project_id("other"),
        cloud.user_id("mia"),
        cloud.role_id("reader"),
    )
    roles = f"/projects/{other}/users/{mia}/roles"
    await admin("HEAD", f"{roles}/{role}", 404)
    for _ in range(2):
        await admin("PUT", f"{roles}/{role}", 204)
    await admin("HEAD", f"{roles}/{role}", 204)
    assert [r["name"] for r in (await admin("GET", roles, 200))["roles"]] == ["reader"]
    query = f"user.id={mia}&scope.project.id={other}"
    found = await admin("GET", f"/role_assignments?{query}", 200)
    [assignment] = found["role_assignments"]
    assert assignment["scope"] == {"project": {"id": other}}
    assert assignment["links"]["assignment"].endswith(f"{roles}/{role}")
    named = await admin("GET", f"/role_assignments?{query}&include_names", 200)
    assert named["role_assignments"][0]["user"]["name"] == "mia"
    await admin("DELETE", f"{roles}/{role}", 204)
    await admin("DELETE", f"{roles}/{role}", 404)
    await admin("PUT", f"{roles}/nothing", 404)


async def test_effective_assignments_show_what_is_implied(
    admin: Admin, cloud: IdentityCloud
) -> None:
    query = f"user.id={cloud.user_id('admin')}&scope.system=all&effective&include_names"
    found = await admin("GET", f"/role_assignments?{query}", 200)
    names = {a["role"]["name"] for a in found["role_assignments"]}
    assert names == {"admin", "member", "reader"}
    await admin("GET", "/role_assignments?scope.project.id=a&scope.domain.id=b", 400)


async def test_tags_of_a_project(admin: Admin, cloud: IdentityCloud) -> None:
    tags = f"/projects/{cloud.project_id('shop')}/tags"
    await admin("PUT", f"{tags}/red", 201)
    await admin("PUT", f"{tags}/red", 201)
    await admin("GET", f"{tags}/red", 204)
    await admin("GET", f"{tags}/blue", 404)
    assert (await admin("GET", tags, 200))["tags"] == ["red"]
    for query, count in (
        ("tags=red", 1),
        ("tags=red,blue", 0),
        ("tags-any=red,blue", 1),
        ("not-tags=red", 2),
        ("not-tags-any=blue", 3),
    ):
        assert len((await admin("GET", f"/projects?{query}", 200))["projects"]) == count
    await admin("PUT", tags, 200, {"tags": ["blue"]})
    await admin("DELETE", f"{tags}/blue", 204)
    await admin("DELETE", tags, 204)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name__contains=i", {"mia", "admin"}),
        ("name__startswith=M", set()),
        ("name__istartswith=M", {"mia"}),
        ("name__endswith=f", {"olaf"}),
        ("name=mia&enabled=1", {"mia"}),
        ("nonsense=1", {"mia", "rea", "olaf", "admin"}),
    ],
)
async def test_lists_are_filtered(admin: Admin, query: str, names: set[str]) -> None:
    users = (await admin("GET", f"/users?{query}", 200))["users"]
    assert {u["name"] for u in users} == names


async def test_a_user_sees_where_to_go(cloud: IdentityCloud) -> None:
    mia = await cloud.token("mia", scope="unscoped")
    for path in ("/auth/projects", f"/users/{cloud.user_id('mia')}/projects"):
        projects = (await cloud.ask("GET", path, mia)).json()["projects"]
        assert [p["name"] for p in projects] == ["shop"]
    assert (await cloud.ask("GET", "/auth/domains", mia)).json()["domains"] == []
    assert (await cloud.ask("GET", "/auth/system", mia)).json()["system"] == []


async def test_the_catalog_is_read_only(admin: Admin) -> None:
    assert [r["id"] for r in (await admin("GET", "/regions", 200))["regions"]] == ["RegionOne"]
    services = (await admin("GET", "/services?type=network", 200))["services"]
    endpoints = await admin("GET", f"/endpoints?service_id={services[0]['id']}", 200)
    shown = {(e["interface"], e["url"]) for e in endpoints["endpoints"]}
    assert shown == {(i, "http://cloud/networking") for i in ("public", "internal", "admin")}
    await admin("GET", f"/endpoints/{endpoints['endpoints'][0]['id']}", 200)
    await admin("POST", "/services", 405, {})
    assert (await admin("GET", "/groups", 200))["groups"] == []


async def test_the_version_documents(cloud: IdentityCloud) -> None:
    for path, status in (("", 300), ("/", 300), ("/v3", 200), ("/v3/", 200)):
        assert (await cloud.client.get(f"/identity{path}")).status_code == status
    assert (await cloud.client.get("/identity/v4")).status_code == 404
    assert (await cloud.ask("GET", "/users/")).status_code == 401
    values = (await cloud.client.get("/identity")).json()["versions"]["values"]
    assert values[0]["links"] == [{"rel": "self", "href": "http://cloud/identity/v3/"}]
