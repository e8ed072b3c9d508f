"""Whatever is sent, the answer is Keystone's and never a 500."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.bootstrap import ensure_project, ensure_role, ensure_user, new_id
from polpo.api.identity_v3.routes import TABLE
from polpo.model.identity import Domain
from polpo.store.transaction import Transaction
from polpo.testing.identity import IdentityCloud

WORDS = st.sampled_from(
    [
        *("auth", "identity", "methods", "password", "token", "application_credential", "scope"),
        *("project", "domain", "system", "user", "role", "tags", "name", "id", "secret", "all"),
        *("enabled", "description", "roles", "expires_at", "options", "domain_id", "links"),
        *("default_project_id", "parent_id", "unrestricted", "original_password", "email"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | WORDS
    | st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "mia", "default"])
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
WRAPPED = st.builds(
    lambda kind, inner: {kind: inner},
    st.sampled_from(["user", "project", "domain", "role", "application_credential", "auth"]),
    st.dictionaries(WORDS, BODIES, max_size=6),
)
RAW = st.binary(max_size=40) | (BODIES | WRAPPED).map(lambda body: json.dumps(body).encode())
_USER = {"name": "u", "domain": {"name": "Default"}}
VALID: list[tuple[str, str, Any]] = [
    ("POST", "/users", {"user": {"name": "u", "enabled": True, "email": "e", "options": {}}}),
    ("PATCH", "/users/{user_id}", {"user": {"description": "d", "default_project_id": "p"}}),
    ("POST", "/projects", {"project": {"name": "p", "tags": ["t"], "enabled": False}}),
    ("PATCH", "/projects/{project_id}", {"project": {"description": "d", "tags": []}}),
    ("PUT", "/projects/{project_id}/tags", {"tags": ["t"]}),
    ("POST", "/domains", {"domain": {"name": "d", "description": None}}),
    ("PATCH", "/domains/{domain_id}", {"domain": {"name": "victim"}}),
    ("POST", "/roles", {"role": {"name": "r", "options": {}}}),
    ("PATCH", "/roles/{role_id}", {"role": {"description": "d"}}),
    (
        "POST",
        "/users/{admin_id}/application_credentials",
        {
            "application_credential": {
                "name": "c",
                "secret": "s",
                "roles": [{"name": "reader"}],
                "expires_at": "2999-01-01T00:00:00Z",
                "unrestricted": False,
            }
        },
    ),
    (
        "POST",
        "/auth/tokens",
        {
            "auth": {
                "identity": {
                    "methods": ["password", "token", "application_credential"],
                    "password": {"user": {**_USER, "password": "p"}},
                    "token": {"id": "t"},
                    "application_credential": {"name": "c", "user": _USER, "secret": "s"},
                },
                "scope": {"project": {"name": "p", "domain": {"id": "default"}}},
            }
        },
    ),
]


def places(body: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every value in the body."""
    yield ()
    inner: Iterable[Any] = body.items() if isinstance(body, dict) else ()
    inner = enumerate(body) if isinstance(body, list) else inner
    for key, value in inner:
        yield from ((key, *rest) for rest in places(value))


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value in one place."""
    if not place:
        return value
    copy = body.copy()
    copy[place[0]] = replaced(body[place[0]], place[1:], value)
    return copy


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("name", "name__icontains", "enabled", "domain_id", "tags", "not-tags-any"),
            *("user.id", "scope.project.id", "scope.system", "effective", "is_domain"),
        ]
    )
    | st.text(max_size=6),
    st.text(max_size=10),
    max_size=3,
)


class Fuzzed:
    """One cloud for all examples; hypothesis is synchronous, the cloud is not."""

    def __init__(self, folder: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.cloud = self.run(IdentityCloud.open(f"sqlite:///{folder}/polpo.db"))
        self.admin = self.run(self.cloud.token("admin"))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.cloud.close())
        self.loop.close()

    def ask(self, method: str, path: str, raw: bytes, query: Any) -> int:
        """The status, which is none of the server's fault and says so in the body."""
        headers = {"X-Auth-Token": self.admin, "X-Subject-Token": "x"}
        request = self.cloud.client.request(
            method, f"/identity/v3{path}", params=query, content=raw, headers=headers
        )
        response = self.run(request)
        assert response.status_code < 500, (method, path, raw, response.text)
        if response.status_code >= 400 and method != "HEAD":
            assert response.json()["error"]["code"] == response.status_code
        return int(response.status_code)

    def parts(self) -> dict[str, str]:
        """Ids that are there, made again if the last example removed them; nothing of admin's."""
        made: dict[str, str] = self.run(self.cloud.store.write(make_victims))
        return made


def make_victims(tx: Transaction) -> dict[str, str]:
    domain = directory.domain_named(tx.snapshot, "victim") or tx.put(
        Domain(id=new_id(), name="victim")
    )
    project = ensure_project(tx, "victim")
    user = ensure_user(tx, "victim", "", project.id)
    role = ensure_role(tx, "victim")
    return {
        "project_id": project.id,
        "user_id": user.id,
        "domain_id": domain.id,
        "role_id": role.id,
        "region_id": "RegionOne",
    }


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Fuzzed]:
    fuzzed = Fuzzed(str(tmp_path))
    yield fuzzed
    fuzzed.close()


def test_noise_gives_no_500(fuzzed: Fuzzed) -> None:
    assert {200, 400, 404, 405} <= _fuzz(fuzzed), "the fuzzing reaches little"


def test_one_wrong_value_gives_no_500(fuzzed: Fuzzed) -> None:
    assert {200, 400} <= _spoil(fuzzed), "the fuzzing reaches little"


def _fuzz(fuzzed: Fuzzed) -> set[int]:
    statuses: set[int] = set()

    @settings(max_examples=400, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(list(TABLE)), METHODS, QUERIES, RAW, st.data())
    def example(path: str, method: str, query: Any, raw: bytes, data: st.DataObject) -> None:
        there = fuzzed.parts()
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        odd = st.text(min_size=1, max_size=8).filter(lambda t: "/" not in t and t.isprintable())
        parts = {n: data.draw(st.just(there.get(n, "x")) | odd) for n in names}
        statuses.add(fuzzed.ask(method, path.format(**parts), raw, query))

    example()
    return statuses


def _spoil(fuzzed: Fuzzed) -> set[int]:
    statuses: set[int] = set()

    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(VALID), BODIES, st.data())
    def example(valid: tuple[str, str, Any], junk: Any, data: st.DataObject) -> None:
        method, path, body = valid
        there = fuzzed.parts() | {"admin_id": fuzzed.cloud.user_id("admin")}
        spoilt = replaced(body, data.draw(st.sampled_from(list(places(body)))), junk)
        raw = json.dumps(spoilt).encode()
        statuses.add(fuzzed.ask(method, path.format(**there), raw, {}))

    example()
    return statuses
