"""The public Octavia and Neutron APIs, as far as they are needed, and with their manners.

Octavia refuses changes of a load balancer that is being changed (409): then that is waited for.
Whoever may not write any more (another leads) is stopped before the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from polpo.client.session import ApiError

Body = dict[str, Any]
MUTABLE_S = 60.0
"""So long another change of the load balancer may take."""


class Session(Protocol):
    """client.session.Session."""

    def load_balancer(self, method: str, path: str, body: Any = None, **query: Any) -> Any: ...

    def network(self, method: str, path: str, body: Any = None, **query: Any) -> Any: ...


class Stopped(Exception):
    """We are not the one who writes any more."""


COLLECTIONS = {
    "loadbalancer": "loadbalancers",
    "listener": "listeners",
    "pool": "pools",
    "healthmonitor": "healthmonitors",
}


class OpenStack:
    """Errors are ApiError, but for what is not there when it is to be shown or removed."""

    def __init__(self, session: Session, sleep: Callable[[float], None] = time.sleep) -> None:
        self._session, self._sleep = session, sleep
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def listed(self, kind: str, **query: Any) -> list[Body]:
        """Of Octavia."""
        collection = COLLECTIONS[kind]
        answer = self._octavia("GET", f"/lbaas/{collection}", None, query)
        found: list[Body] = answer[collection]
        return found

    def shown(self, kind: str, id: str) -> Body | None:
        """None if it is not there."""
        return self._or_none(f"/lbaas/{COLLECTIONS[kind]}/{id}", kind)

    def make(self, kind: str, body: Body, of: str = "") -> Body:
        """`of`: the load balancer that changes by it."""
        path = f"/lbaas/{COLLECTIONS[kind]}"
        answer = self._changing(of, lambda: self._octavia("POST", path, {kind: body}, {}))
        made: Body = answer[kind]
        return made

    def change(self, kind: str, id: str, body: Body, of: str) -> None:
        path = f"/lbaas/{COLLECTIONS[kind]}/{id}"
        self._changing(of, lambda: self._octavia("PUT", path, {kind: body}, {}))

    def remove(self, kind: str, id: str, of: str, **query: Any) -> None:
        path = f"/lbaas/{COLLECTIONS[kind]}/{id}"
        try:
            self._changing(of, lambda: self._octavia("DELETE", path, None, query))
        except ApiError as error:
            if error.status != 404:
                raise

    def members(self, pool: str) -> list[Body]:
        found: list[Body] = self._octavia("GET", f"/lbaas/pools/{pool}/members", None, {})[
            "members"
        ]
        return found

    def set_members(self, pool: str, members: list[Body], of: str) -> None:
        """These and no others."""
        path = f"/lbaas/pools/{pool}/members"
        self._changing(of, lambda: self._octavia("PUT", path, {"members": members}, {}))

    def network(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Neutron's, below /v2.0."""
        self._check()
        return self._session.network(method, path, body, **query)

    def _octavia(self, method: str, path: str, body: Any, query: Body) -> Any:
        self._check()
        return self._session.load_balancer(method, path, body, **query)

    def _check(self) -> None:
        if self._stopped:
            raise Stopped

    def _or_none(self, path: str, kind: str) -> Body | None:
        try:
            found: Body = self._octavia("GET", path, None, {})[kind]
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return found

    def _changing(self, of: str, call: Callable[[], Any]) -> Any:
        waited_s, wait_s = 0.0, 0.1
        while True:
            try:
                return call()
            except ApiError as error:
                if error.status != 409 or waited_s >= MUTABLE_S or not self._is_pending(of):
                    raise
            self._sleep(wait_s)
            waited_s, wait_s = waited_s + wait_s, min(wait_s * 2, 2.0)

    def _is_pending(self, id: str) -> bool:
        found = self.shown("loadbalancer", id) if id else None
        return found is not None and found["provisioning_status"].startswith("PENDING")
