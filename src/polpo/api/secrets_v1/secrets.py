"""Secrets (Barbican API v1, "Secrets API"): metadata in JSON; what is secret only at `/payload`."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from polpo.api.identifier import new_id
from polpo.api.secrets_v1.call import Call, answer, is_over, moment, nothing
from polpo.api.secrets_v1.errors import Refused, bad_request, forbidden, not_found
from polpo.model.secret import Secret

LARGEST_PAYLOAD_BYTES = 20_000
TEXT, BINARY = "text/plain", "application/octet-stream"
TEXTS = (TEXT, "text/plain;charset=utf-8", "text/plain; charset=utf-8")
Kind = Literal["opaque", "symmetric", "public", "private", "passphrase", "certificate"]
Text = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00]*\Z")]
MOST = 100


class SecretBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A POST's."""

    name: Text | None = None
    secret_type: Kind = "opaque"
    algorithm: Text | None = None
    bit_length: Annotated[int, msgspec.Meta(gt=0, lt=1 << 31)] | None = None
    mode: Text | None = None
    expiration: str | None = None
    payload: str | None = None
    payload_content_type: Text | None = None
    payload_content_encoding: Literal["base64"] | None = None


async def create(call: Call) -> Response:
    call.check_writer("Secret creation")
    body = await call.read(SecretBody, "Secret")
    id, content_type, sealed = new_id(), "", ""
    if body.payload is not None:
        content_type, payload = _given(body)
        sealed = call.seal.close(id, payload)
    elif body.payload_content_type or body.payload_content_encoding:
        raise bad_request("'payload' must be given where its type or encoding is.")
    secret = Secret(
        id=id,
        project_id=call.project_id,
        creator_id=call.context.user_id,
        name=body.name or "",
        secret_type=body.secret_type,
        algorithm=body.algorithm or "",
        bit_length=body.bit_length,
        mode=body.mode or "",
        expiration=_expiration(body.expiration, call.now),
        content_type=content_type,
        sealed=sealed,
    )
    await call.controller.store.write(lambda tx: tx.put(secret))
    return answer({"secret_ref": ref(call, id)}, 201)


def _given(body: SecretBody) -> tuple[str, bytes]:
    """Content type and payload of a POST."""
    said = (body.payload_content_type or TEXT).lower()
    if said in TEXTS and body.payload_content_encoding is None:
        return TEXT, _checked((body.payload or "").encode())
    if said != BINARY:
        raise bad_request(
            f"'payload_content_type' is {TEXT} (without 'payload_content_encoding') or {BINARY}."
        )
    if body.payload_content_encoding is None:
        raise bad_request(f"'payload_content_encoding' must be base64 with {BINARY}.")
    return BINARY, _checked(_decoded(body.payload or ""))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad_request("'payload' is not base64, as 'payload_content_encoding' says.") from None


def _checked(payload: bytes) -> bytes:
    if not payload:
        raise bad_request("'payload' must not be empty.")
    if len(payload) > LARGEST_PAYLOAD_BYTES:
        text = f"The payload is larger than {LARGEST_PAYLOAD_BYTES} bytes."
        raise Refused(413, "Request Entity Too Large", text)
    return payload


def _expiration(said: str | None, now: str) -> str:
    if not said:
        return ""
    try:
        moment = datetime.fromisoformat(said)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_request(f"'expiration' is not a date of ISO 8601: {said!r}.") from None
    found = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if found <= now:
        raise bad_request("'expiration' is before current time.")
    return found


async def update(call: Call) -> Response:
    """The payload of one that has none yet: the body as it is."""
    secret = call.find_own(Secret, "Secret update")
    said = call.request.headers.get("content-type", "").lower()
    if said not in (*TEXTS, BINARY):
        text = f"Only {TEXT} and {BINARY} are taken."
        raise Refused(415, "Unsupported Media Type", text)
    raw = await call.body()
    if call.request.headers.get("content-encoding", "") == "base64":
        raw = _decoded(raw.decode("latin-1"))
    sealed = call.seal.close(secret.id, _checked(raw))
    content_type = TEXT if said in TEXTS else BINARY

    def act(tx: Any) -> None:
        now = tx.snapshot.get(Secret, secret.id)
        if now is None:
            raise not_found("secret")
        if now.sealed:
            raise Refused(409, "Conflict", "Secret already has data, cannot modify it.")
        tx.put(replace(now, sealed=sealed, content_type=content_type))

    await call.controller.store.write(act)
    return nothing()


async def show(call: Call) -> Response:
    """Metadata; clients of old ask for the payload here, too, by `Accept`."""
    accepted = call.request.headers.get("accept", "")
    if accepted in (*TEXTS, BINARY):
        return await payload(call)
    return answer(view(call, call.find(Secret)))


async def payload(call: Call) -> Response:
    secret = call.find(Secret)
    if not (call.context.may_write or call.context.user_id in secret.readers):
        raise forbidden("Secret payload retrieval")
    if not secret.sealed:
        raise not_found("secret's payload")
    accepted = call.request.headers.get("accept", "*/*")
    if not any(kind in accepted for kind in (secret.content_type, "*/*")):
        text = f"The payload is {secret.content_type}: ask for that."
        raise Refused(406, "Not Acceptable", text)
    content = call.seal.open(secret.id, secret.sealed)
    return Response(content, headers={"Content-Type": secret.content_type})


async def remove(call: Call) -> Response:
    secret = call.find_own(Secret, "Secret deletion")
    await call.controller.store.write(lambda tx: tx.remove(secret))
    return nothing()


async def list_all(call: Call) -> Response:
    found = [s for s in _visible(call) if _fits(call, s)]
    return answer(page(call, "secrets", found, lambda s: view(call, s)))


def _visible(call: Call) -> Sequence[Secret]:
    own = call.snapshot.by(Secret, "project", call.project_id)
    seen = (s for s in own if call.may_see(s) and not is_over(s, call.now))
    return sorted(seen, key=lambda s: (s.created_at, s.id))


FILTERS = {"name": "name", "alg": "algorithm", "mode": "mode", "secret_type": "secret_type"}


def _fits(call: Call, secret: Secret) -> bool:
    asked = call.request.query_params
    same = all(asked[k] == getattr(secret, field) for k, field in FILTERS.items() if k in asked)
    return same and asked.get("bits", "0") in ("0", str(secret.bit_length))


def page(call: Call, name: str, found: Sequence[Any], show: Any) -> dict[str, Any]:
    """Barbican's paging: offset and limit, with links to what is before and after."""
    limit, offset = call.whole_number("limit", 10, MOST), call.whole_number("offset", 0, 1 << 31)
    listed = {name: [show(x) for x in found[offset : offset + limit]], "total": len(found)}
    base = call.url(f"/{name}")
    if offset + limit < len(found):
        listed["next"] = f"{base}?limit={limit}&offset={offset + limit}"
    if offset > 0:
        listed["previous"] = f"{base}?limit={limit}&offset={max(0, offset - limit)}"
    return listed


def ref(call: Call, id: str) -> str:
    return call.url(f"/secrets/{id}")


def view(call: Call, secret: Secret) -> dict[str, Any]:
    content = {"content_types": {"default": secret.content_type}} if secret.sealed else {}
    return {
        "secret_ref": ref(call, secret.id),
        "name": secret.name or secret.id,
        "secret_type": secret.secret_type,
        "algorithm": secret.algorithm or None,
        "bit_length": secret.bit_length,
        "mode": secret.mode or None,
        "expiration": moment(secret.expiration),
        "status": "ACTIVE",
        "creator_id": secret.creator_id,
        "created": moment(secret.created_at),
        "updated": moment(secret.updated_at),
        "consumers": [],
        **content,
    }
