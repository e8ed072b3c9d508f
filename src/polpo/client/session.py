"""Calls to the public API with one token, renewed when it has expired."""

from typing import Any

import httpx2
import msgspec

from polpo.client.clouds import Cloud


class ApiError(Exception):
    """What the API answered instead of success; `status` is HTTP's, 0 if nobody answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Session:
    """`network(...)`, `identity(...)` and so on name the APIs' roots."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        verify = cloud.cacert if cloud.cacert else True
        self._http = httpx2.Client(timeout=60, verify=verify)
        self._token = ""
        self._roots: dict[str, str] = {}

    def close(self) -> None:
        """End its connections; a program that ends anyway need not."""
        self._http.close()

    def network(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """`path` below /v2.0, e.g. `/ports`."""
        return self._call(method, "network", f"/v2.0{path}", body, query)

    def load_balancer(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """`path` below /v2.0, e.g. `/lbaas/pools`."""
        return self._call(method, "load-balancer", f"/v2.0{path}", body, query)

    def secrets(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """`path` below /v1 of the key manager, e.g. `/secrets`."""
        return self._call(method, "key-manager", f"/v1{path}", body, query)

    def identity(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """`path` below /v3, e.g. `/projects`."""
        return self._call(method, "identity", path, body, query)

    def hosts(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """`path` below /v1 of the controller, e.g. `/hosts`."""
        return self._call(method, "hosts", path, body, query)

    def _call(self, method: str, api: str, path: str, body: Any, query: dict[str, Any]) -> Any:
        if not self._token:
            self._authenticate()
        answer = self._send(method, self._roots[api] + path, body, query)
        if answer.status_code == 401:
            self._authenticate()
            answer = self._send(method, self._roots[api] + path, body, query)
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, _message(answer))
        return msgspec.json.decode(answer.content) if answer.content else None

    def _send(self, method: str, url: str, body: Any, query: dict[str, Any]) -> httpx2.Response:
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/json"}
        try:
            return self._http.request(method, url, content=content, params=query, headers=headers)
        except httpx2.TransportError as error:
            where = self._cloud.auth_url
            raise ApiError(0, f"the controller at {where} does not answer: {error}") from error

    def _authenticate(self) -> None:
        """Keystone v3, password, scoped to the cloud's project; endpoints from the catalog."""
        cloud = self._cloud
        user = {
            "name": cloud.username,
            "password": cloud.password,
            "domain": {"name": cloud.user_domain_name},
        }
        project = {"name": cloud.project_name, "domain": {"name": cloud.project_domain_name}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": project}}}
        root = cloud.auth_url.rstrip("/").removesuffix("/v3")
        answer = self._send("POST", f"{root}/v3/auth/tokens", body, {})
        if answer.status_code != 201:
            raise ApiError(answer.status_code, f"authentication failed: {_message(answer)}")
        self._token = answer.headers["X-Subject-Token"]
        catalog = msgspec.json.decode(answer.content)["token"]["catalog"]
        self._roots = {entry["type"]: _public(entry) for entry in catalog}
        self._roots["identity"] = f"{root}/v3"
        self._roots["hosts"] = f"{root.removesuffix('/identity')}/v1"


def _public(entry: dict[str, Any]) -> str:
    """The public endpoint of a service in a token's catalog."""
    url = next(e["url"] for e in entry["endpoints"] if e["interface"] == "public")
    return str(url).rstrip("/").removesuffix("/v2.0")


def _message(answer: httpx2.Response) -> str:
    """The words of Neutron's, Octavia's, Keystone's and our own error bodies."""
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return f"HTTP {answer.status_code}"
    if isinstance(body, dict) and "faultstring" in body:
        return str(body["faultstring"])
    error = body.get("NeutronError") or body.get("error") if isinstance(body, dict) else None
    return str(error.get("message", error)) if isinstance(error, dict) else str(error or body)
