"""polpo's own identity: issues tokens and answers who shows one, on the store."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from polpo.api.context import Context, Unauthorized
from polpo.api.identity_v3 import caller
from polpo.api.identity_v3.attempts import Attempts
from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.catalog import SERVICES, Catalog, Service
from polpo.api.identity_v3.keys import secret_of, signing_keys
from polpo.api.identity_v3.passwords import Passwords
from polpo.api.identity_v3.tokens import BadToken, Claims, read, sign
from polpo.model.identity import SigningKey
from polpo.model.snapshot import Snapshot
from polpo.store.store import Store

TOKEN_LIFE_S = 3600
REMEMBERED = 8192
"""Tokens whose callers are kept. A hundred thousand clients would only be a little slower."""


class _Seen(msgspec.Struct, frozen=True):
    """A caller, as of a revision: at any other it is looked up again, so it is never stale.

    `keys` are those that the signature was checked with: it is checked again if they change.
    """

    revision: int
    keys: list[SigningKey]
    caller: Caller


class LocalIdentity:
    """`public_url` is the controller's, without a slash at the end. For one event loop."""

    def __init__(
        self,
        store: Store,
        public_url: str,
        services: tuple[Service, ...] = SERVICES,
        token_life_s: int = TOKEN_LIFE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.url = public_url + "/identity"
        self.catalog = Catalog(public_url, services)
        self.passwords = Passwords(Attempts(time.monotonic))
        self._token_life_us = token_life_s * 1_000_000
        self._clock = clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    async def authenticate(self, token: str) -> Context:
        """Raises Unauthorized."""
        return self.caller(token).context

    def caller(self, token: str) -> Caller:
        """Raises Unauthorized."""
        snapshot, seen = self.store.snapshot, self._seen.get(token)
        if seen is None or seen.revision != snapshot.revision:
            seen = self._look_up(token, seen, snapshot)
            self._remember(token, seen)
        else:
            self._seen.move_to_end(token)
        if seen.caller.claims.expires_us <= self.now_us():
            raise Unauthorized("expired")
        return seen.caller

    def issue(
        self,
        user_id: str,
        scope: str,
        methods: tuple[str, ...],
        parent: Claims | None = None,
        credential_id: str = "",
        expires_us: int | None = None,
    ) -> tuple[str, Caller]:
        """A new token, never outliving `parent` or `expires_us`. Raises Unauthorized."""
        now = self.now_us()
        ends = [now + self._token_life_us, *([expires_us] if expires_us is not None else [])]
        claims = Claims(
            id=secrets.token_urlsafe(16),
            user_id=user_id,
            scope=scope,
            methods=methods,
            issued_us=now,
            expires_us=min([*ends, parent.expires_us] if parent else ends),
            parent=parent.id if parent else "",
            application_credential_id=credential_id,
        )
        token = sign(claims, secret_of(signing_keys(self.store.snapshot)[0]))
        return token, self.caller(token)

    def now_us(self) -> int:
        return int(self._clock() * 1_000_000)

    async def close(self) -> None:
        self.passwords.close()

    def _look_up(self, token: str, seen: _Seen | None, snapshot: Snapshot) -> _Seen:
        keys = signing_keys(snapshot)
        known = seen is not None and seen.keys == keys
        claims = seen.caller.claims if seen and known else _read(token, keys)
        return _Seen(snapshot.revision, keys, caller.find(snapshot, claims))

    def _remember(self, token: str, seen: _Seen) -> None:
        self._seen[token] = seen
        self._seen.move_to_end(token)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _read(token: str, keys: list[SigningKey]) -> Claims:
    try:
        return read(token, [secret_of(key) for key in keys])
    except BadToken as error:
        raise Unauthorized(str(error)) from error
