"""Whatever is sent, the answer is Keystone's and never a 500."""

import asyncio
import json
import tempfile
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polpo.api.identity_v3.routes import TABLE
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
        self.run(self.cloud.add("mia", "member", "shop"))
        self.admin, self.mia = (self.run(self.cloud.token(n)) for n in ("admin", "mia"))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.cloud.close())
        self.loop.close()

    def parts(self) -> dict[str, list[str]]:
        cloud = self.cloud
        return {
            "project_id": [cloud.project_id("shop")],
            "user_id": [cloud.user_id("mia")],
            "domain_id": ["default"],
            "role_id": [cloud.role_id("reader")],
        }


def test_bad_input_gives_no_500() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzed = Fuzzed(folder)
        try:
            _fuzz(fuzzed)
        finally:
            fuzzed.close()


def _fuzz(fuzzed: Fuzzed) -> None:
    known = fuzzed.parts()

    @settings(
        max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.sampled_from(list(TABLE)), METHODS, QUERIES, RAW, st.booleans(), st.data())
    def example(
        path: str, method: str, query: Any, raw: bytes, admin: bool, data: st.DataObject
    ) -> None:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        odd = st.text(min_size=1, max_size=8).filter(lambda t: "/" not in t and t.isprintable())
        parts = {n: data.draw(st.sampled_from(known.get(n, ["x"])) | odd) for n in names}
        removes = method in ("PATCH", "DELETE") and admin and set(parts.values()) <= _values(known)
        token = fuzzed.mia if removes else fuzzed.admin
        response = fuzzed.run(
            fuzzed.cloud.client.request(
                method,
                f"/identity/v3{path.format(**parts)}",
                params=query,
                content=raw,
                headers={"X-Auth-Token": token, "X-Subject-Token": "x"},
            )
        )
        assert response.status_code < 500, (method, path, raw, response.text)
        if response.status_code >= 400 and method != "HEAD":
            assert response.json()["error"]["code"] == response.status_code

    example()


def _values(known: dict[str, list[str]]) -> set[str]:
    return {value for values in known.values() for value in values}
