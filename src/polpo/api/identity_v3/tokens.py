"""What a token says, and the signature that makes it believable. Pure.

A token is `payload.signature`, both base64url: MessagePack, and HMAC-SHA256 of it. It says who
and where, never what is allowed: roles are read from the snapshot whenever it is shown.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec


class Claims(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What the token says. Times are microseconds since 1970.

    id      the token's own (Keystone's audit id); parent: of the token it was made from, or ""
    scope   `project/<id>`, `domain/<id>`, `system/all`, or "" for none: a role's target
    """

    id: str
    user_id: str
    scope: str
    methods: tuple[str, ...]
    issued_us: int
    expires_us: int
    parent: str = ""
    application_credential_id: str = ""


class BadToken(ValueError):
    """Not a token, or not signed by any of the keys."""


_decoder = msgspec.msgpack.Decoder(Claims)


def sign(claims: Claims, secret: bytes) -> str:
    """About 250 characters, safe in a header."""
    payload = msgspec.msgpack.encode(claims)
    return f"{_text(payload)}.{_text(_signature(payload, secret))}"


def read(token: str, secrets: Iterable[bytes]) -> Claims:
    """What the token says, if one of the secrets signed it. Raises BadToken."""
    try:
        left, _, right = token.encode("ascii").partition(b".")
        payload, signature = _bytes(left), _bytes(right)
    except ValueError as error:
        raise BadToken("not a token") from error
    if not any(hmac.compare_digest(signature, _signature(payload, s)) for s in secrets):
        raise BadToken("not signed by us")
    if token != f"{_text(payload)}.{_text(signature)}":
        raise BadToken("another spelling of a token")  # one token has one text
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise BadToken("of another version") from error


def iso(us: int) -> str:
    """`2026-11-23T20:00:00.000000Z`, as Keystone writes times."""
    at = datetime.fromtimestamp(us // 1_000_000, UTC)
    return (
        at.replace(microsecond=us % 1_000_000, tzinfo=None).isoformat(timespec="microseconds") + "Z"
    )


def microseconds(text: str) -> int:
    """The reverse of `iso`; also takes whole seconds."""
    at = datetime.fromisoformat(text)
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond


def _signature(payload: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, payload, "sha256")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
