"""An identity service in memory: a store, polpo's own identity, and a client that asks it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
from starlette.applications import Starlette

from polpo.api.identity_v3.bootstrap import (
    bootstrap,
    ensure_assignment,
    ensure_project,
    ensure_user,
)
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.routes import local_routes
from polpo.model.identity import User
from polpo.store.store import Store
from polpo.store.transaction import Transaction

PASSWORD = "correct horse"
"""Everybody's."""


class IdentityCloud:
    """Made by `open`; has `admin` of project `admin`, and whom `add` adds."""

    def __init__(self, store: Store, identity: LocalIdentity, public_url: str) -> None:
        self.store, self.identity, self.public_url = store, identity, public_url
        self.app = Starlette(routes=local_routes(identity))
        transport = httpx2.ASGITransport(app=self.app)
        self.client = httpx2.AsyncClient(transport=transport, base_url=public_url)
        self._hash = ""

    @classmethod
    async def open(
        cls,
        database_url: str,
        clock: Callable[[], float] = time.time,
        public_url: str = "http://cloud",
    ) -> "IdentityCloud":
        def now() -> str:
            return datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        store = await Store.open(database_url, now)
        cloud = cls(store, LocalIdentity(store, public_url, clock=clock), public_url)
        cloud._hash = await cloud.identity.passwords.hash(PASSWORD)
        await store.write(lambda tx: bootstrap(tx, cloud._hash))
        return cloud

    async def close(self) -> None:
        await self.client.aclose()
        await self.identity.close()
        await self.store.close()

    async def add(self, name: str, role: str, project: str) -> User:
        """A user with a role in a project, each made if need be."""

        def act(tx: Transaction) -> User:
            place = ensure_project(tx, project)
            user = ensure_user(tx, name, self._hash, place.id)
            ensure_assignment(tx, user.id, role, f"project/{place.id}")
            return user

        return await self.store.write(act)

    async def assign(self, name: str, role: str, target: str) -> None:
        """A role more, on `project/<id>`, `domain/<id>` or the system."""
        await self.store.write(lambda tx: ensure_assignment(tx, self.user_id(name), role, target))

    def project_id(self, name: str) -> str:
        return self.store.snapshot.holder("project/default", name) or ""

    def user_id(self, name: str) -> str:
        return self.store.snapshot.holder("user/default", name) or ""

    def role_id(self, name: str) -> str:
        return self.store.snapshot.holder("role", name) or ""

    async def ask(
        self, method: str, path: str, token: str = "", json: Any = None, **headers: str
    ) -> httpx2.Response:
        """One request under /identity/v3."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        if token:
            named["X-Auth-Token"] = token
        url = f"/identity/v3{path}"
        return await self.client.request(method, url, json=json, headers=named)

    async def log_in(
        self, name: str, password: str = PASSWORD, scope: Any = None
    ) -> httpx2.Response:
        """POST /v3/auth/tokens by name, with whatever scope."""
        user = {"name": name, "domain": {"id": "default"}, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return await self.ask("POST", "/auth/tokens", json={"auth": auth})

    async def token(self, name: str, password: str = PASSWORD, scope: Any = None) -> str:
        response = await self.log_in(name, password, scope)
        assert response.status_code == 201, response.text
        return response.headers["X-Subject-Token"]
