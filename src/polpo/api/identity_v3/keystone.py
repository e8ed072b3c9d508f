"""An existing Keystone instead of polpo's own identity: it is asked whose a token is.

An answer is believed for CACHE_S, so that a token revoked there is refused here that much later
(keystonemiddleware's default is 300 s). Roles mean the same by name: admin, member, reader.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

import httpx2
import msgspec
from starlette.exceptions import HTTPException

from polpo.api.context import Context, Unauthorized
from polpo.api.identity_v3.keystone_token import KeystoneToken, context_of
from polpo.api.identity_v3.tokens import microseconds

CACHE_S = 30.0
REMEMBERED = 8192
TIMEOUT_S = 10.0


class KeystoneUnavailable(HTTPException):
    """It cannot be reached, or does not accept polpo's own credentials: 503 to the client."""

    def __init__(self, why: str) -> None:
        super().__init__(503, f"The identity service cannot be used now: {why}")


class KeystoneAccess(msgspec.Struct, frozen=True):
    """Where Keystone is (`http://host/identity`, with or without /v3), and a user that may
    validate tokens: role admin or service in a project."""

    auth_url: str
    username: str
    password: str
    project_name: str = "service"
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"

    @property
    def tokens_url(self) -> str:
        return self.auth_url.rstrip("/").removesuffix("/v3") + "/v3/auth/tokens"


class _Known(msgspec.Struct, frozen=True):
    """None: not a valid token. `until` on the monotonic clock."""

    context: Context | None
    until: float


class KeystoneIdentity:
    """For one event loop; `close` it. `client` is for tests."""

    def __init__(
        self,
        access: KeystoneAccess,
        client: httpx2.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._client = client or httpx2.AsyncClient(timeout=TIMEOUT_S)
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Known]] = {}
        self._own_token = ""
        self._renewing = asyncio.Lock()

    async def authenticate(self, token: str) -> Context:
        """Raises Unauthorized, KeystoneUnavailable."""
        key = sha256(token.encode(errors="replace")).digest()
        known = self._known.get(key)
        if known is None or known.until <= self._clock():
            known = await self._ask_once(key, token)
        if known.context is None:
            raise Unauthorized("not valid at Keystone")
        return known.context

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask_once(self, key: bytes, token: str) -> _Known:
        """Many requests with one new token are one question."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(token))
            asking.add_done_callback(lambda done: self._asking.pop(key, None))
        known = await asyncio.shield(asking)
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def _ask(self, token: str) -> _Known:
        if not token or not (token.isascii() and token.isprintable()):
            return _Known(None, self._clock() + CACHE_S)
        response = await self._get(token)
        if response.status_code == 404:
            return _Known(None, self._clock() + CACHE_S)
        if response.status_code != 200:
            raise KeystoneUnavailable(f"it answered {response.status_code}")
        subject = _decode(response)
        left_s = microseconds(subject.expires_at) / 1e6 - time.time()
        return _Known(context_of(subject), self._clock() + min(CACHE_S, left_s))

    async def _get(self, token: str) -> httpx2.Response:
        """With a new token of our own if the old one is no longer accepted."""
        for own in (self._own_token, None):
            own = own or await self._log_in(self._own_token)
            headers = {"X-Auth-Token": own, "X-Subject-Token": token}
            response = await self._send("GET", params={"nocatalog": ""}, headers=headers)
            if response.status_code != 401:
                return response
        raise KeystoneUnavailable("it does not accept polpo's own token")

    async def _log_in(self, refused: str) -> str:
        """Our own token; a new one, unless somebody else has just replaced the refused one."""
        async with self._renewing:
            if self._own_token == refused:
                response = await self._send("POST", json=_login(self._access))
                if response.status_code != 201:
                    raise KeystoneUnavailable("it does not accept polpo's own credentials")
                self._own_token = response.headers["X-Subject-Token"]
            return self._own_token

    async def _send(self, method: str, **how: object) -> httpx2.Response:
        try:
            return await self._client.request(method, self._access.tokens_url, **how)  # type: ignore[arg-type]
        except httpx2.HTTPError as error:
            raise KeystoneUnavailable(type(error).__name__) from error


def _decode(response: httpx2.Response) -> KeystoneToken:
    try:
        return msgspec.json.decode(response.content, type=dict[str, KeystoneToken])["token"]
    except (msgspec.DecodeError, KeyError) as error:
        raise KeystoneUnavailable("its answer is not a token") from error


def _login(access: KeystoneAccess) -> dict[str, object]:
    user = {
        "name": access.username,
        "domain": {"name": access.user_domain_name},
        "password": access.password,
    }
    project = {"name": access.project_name, "domain": {"name": access.project_domain_name}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": project}}}
