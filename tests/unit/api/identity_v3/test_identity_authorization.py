"""Every path and verb, asked by everybody: the table below says who gets through.

It is written by hand, apart from the table in routes.py, so that a slip there is seen here.
"""

import pytest

from polpo.api.identity_v3.routes import TABLE
from polpo.testing.identity import IdentityCloud

PEOPLE = ("nobody", "unscoped", "olaf", "rea", "mia", "watcher", "admin")
"""Without a token; mia's without a scope; another project; reader; member; system reader; admin."""

ALL = set(PEOPLE)
WITH_TOKEN = ALL - {"nobody"}
SEERS = {"watcher", "admin"}
MIA = {"mia", "unscoped"}
SHOP = {"mia", "unscoped", "rea", *SEERS}
ADMIN = {"admin"}

EXPECTED: dict[str, dict[str, set[str]]] = {
    "/": {"GET": ALL},
    "/auth/tokens": {"POST": ALL, "GET": WITH_TOKEN, "DELETE": WITH_TOKEN},
    "/auth/catalog": {"GET": WITH_TOKEN - {"unscoped"}},
    "/auth/projects": {"GET": WITH_TOKEN},
    "/auth/domains": {"GET": WITH_TOKEN},
    "/auth/system": {"GET": WITH_TOKEN},
    "/domains": {"GET": SEERS, "POST": ADMIN},
    "/domains/{domain_id}": {"GET": WITH_TOKEN, "PATCH": ADMIN, "DELETE": ADMIN},
    "/projects": {"GET": SEERS, "POST": ADMIN},
    "/projects/{project_id}": {"GET": SHOP, "PATCH": ADMIN, "DELETE": ADMIN},
    "/projects/{project_id}/tags": {"GET": SHOP, "PUT": ADMIN, "DELETE": ADMIN},
    "/projects/{project_id}/tags/{tag}": {"GET": SHOP, "PUT": ADMIN, "DELETE": ADMIN},
    "/users": {"GET": SEERS, "POST": ADMIN},
    "/users/{user_id}": {"GET": MIA | SEERS, "PATCH": ADMIN, "DELETE": ADMIN},
    "/users/{user_id}/password": {"POST": ALL},
    "/users/{user_id}/projects": {"GET": MIA | SEERS},
    "/users/{user_id}/groups": {"GET": MIA | SEERS},
    "/users/{user_id}/access_rules": {"GET": MIA | SEERS},
    "/users/{user_id}/application_credentials": {"GET": MIA | SEERS, "POST": MIA},
    "/users/{user_id}/application_credentials/{id}": {
        "GET": MIA | SEERS,
        "DELETE": MIA | ADMIN,
    },
    "/roles": {"GET": SEERS, "POST": ADMIN},
    "/roles/{role_id}": {"GET": SEERS, "PATCH": ADMIN, "DELETE": ADMIN},
    "/role_inferences": {"GET": SEERS},
    "/role_assignments": {"GET": SEERS},
    **{
        f"{place}/users/{{user_id}}/roles{more}": verbs
        for place in ("/projects/{project_id}", "/domains/{domain_id}", "/system")
        for more, verbs in (
            ("", {"GET": SEERS}),
            ("/{role_id}", {"GET": SEERS, "PUT": ADMIN, "DELETE": ADMIN}),
        )
    },
    "/regions": {"GET": WITH_TOKEN},
    "/regions/{region_id}": {"GET": WITH_TOKEN},
    "/services": {"GET": SEERS},
    "/services/{service_id}": {"GET": SEERS},
    "/endpoints": {"GET": SEERS},
    "/endpoints/{endpoint_id}": {"GET": SEERS},
    "/groups": {"GET": SEERS},
    "/groups/{group_id}": {"GET": SEERS},
}


def test_no_path_and_no_verb_is_forgotten() -> None:
    assert {p: set(v) for p, v in TABLE.items()} == {p: set(v) for p, v in EXPECTED.items()}


@pytest.mark.parametrize("path", EXPECTED)
async def test_who_gets_through(cloud: IdentityCloud, path: str) -> None:
    """Getting through may still be 400 or 404: the path's parts and the body say little."""
    tokens = await _tokens(cloud)
    parts = {"project_id": cloud.project_id("shop"), "user_id": cloud.user_id("mia")}
    parts |= {"domain_id": "default", "role_id": "x", "tag": "x", "id": "x", "group_id": "x"}
    parts |= {"region_id": "RegionOne", "service_id": "x", "endpoint_id": "x"}
    for method, allowed in EXPECTED[path].items():
        for person in PEOPLE:  # admin last: it may remove what the others asked about
            own = {"X_Subject_Token": tokens[person]} if path == "/auth/tokens" else {}
            response = await cloud.ask(method, path.format(**parts), tokens[person], {}, **own)
            through = response.status_code not in (401, 403)
            explained = (method, path, person, response.status_code, response.text)
            if (method, path) == ("DELETE", "/domains/{domain_id}"):
                through |= "default domain" in response.text
            assert through == (person in allowed), explained
            if person == "nobody" and not through:
                assert response.status_code == 401, explained


async def _tokens(cloud: IdentityCloud) -> dict[str, str]:
    watcher = await cloud.add("watcher", "reader", "elsewhere")
    system = f"/system/users/{watcher.id}/roles/{cloud.role_id('reader')}"
    admin = await cloud.token("admin")
    assert (await cloud.ask("PUT", system, admin)).status_code == 204
    return {
        "nobody": "",
        "unscoped": await cloud.token("mia", scope="unscoped"),
        "watcher": await cloud.token("watcher", scope={"system": {"all": True}}),
        "admin": admin,
        **{name: await cloud.token(name) for name in ("olaf", "rea", "mia")},
    }
