"""/v3/auth: make, show and revoke tokens; what a token's user can reach."""

from starlette.responses import Response

from polpo.api.context import Unauthorized
from polpo.api.identity_v3 import policy
from polpo.api.identity_v3.auth_request import parse
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.errors import NotAllowed, NotFound, Unauthenticated
from polpo.api.identity_v3.proof import Proven, prove
from polpo.api.identity_v3.scope import scope_of
from polpo.api.identity_v3.token_view import token_view
from polpo.api.identity_v3.tokens import iso, microseconds
from polpo.model.identity import RevokedToken
from polpo.store.transaction import Transaction


async def issue_token(call: Call) -> Response:
    auth = parse(await call.body())
    proven = await prove(call.identity, auth.identity, call.source)
    token, caller = _issue(call, proven, scope_of(call.snapshot, auth, proven))
    return answer(_view(call, caller), 201, X_Subject_Token=token)


async def validate_token(call: Call) -> Response:
    token, subject = _subject(call, "validate_token", policy.sees_all(call.caller))
    return answer(_view(call, subject), 200, X_Subject_Token=token)


async def revoke_token(call: Call) -> Response:
    _, subject = _subject(call, "revoke_token", call.caller.context.is_admin)
    id, expires_at = subject.claims.id, iso(subject.claims.expires_us)
    now = iso(call.identity.now_us())

    def act(tx: Transaction) -> None:
        _forget_expired(tx, now)
        tx.put(RevokedToken(id=id, expires_at=expires_at))

    await call.write(act)
    return empty()


async def get_auth_catalog(call: Call) -> Response:
    if not call.caller.claims.scope:
        raise NotAllowed("identity:get_auth_catalog")
    links = {"self": call.url("/auth/catalog")}
    return answer({"catalog": call.identity.catalog.in_token(), "links": links})


def _issue(call: Call, proven: Proven, scope: str) -> tuple[str, Caller]:
    credential = proven.credential
    expires_at = credential.expires_at if credential else None
    try:
        return call.identity.issue(
            proven.user.id,
            scope,
            proven.methods,
            parent=proven.parent.claims if proven.parent else None,
            credential_id=credential.id if credential else "",
            expires_us=microseconds(expires_at) if expires_at else None,
        )
    except Unauthorized as error:
        raise Unauthenticated from error


def _view(call: Call, caller: Caller) -> dict[str, dict[str, object]]:
    with_catalog = "nocatalog" not in call.request.query_params
    return token_view(call.snapshot, caller, call.identity.catalog if with_catalog else None)


def _subject(call: Call, action: str, any_user: bool) -> tuple[str, Caller]:
    """The token asked about: one's own, or anybody's for who may. Raises NotFound, NotAllowed."""
    token = call.request.headers.get("x-subject-token", "")
    try:
        subject = call.identity.caller(token)
    except Unauthorized as error:
        # Not the token itself: what looks like one to us may be somebody's secret.
        raise NotFound("token", "it is invalid, expired or revoked") from error
    if not any_user and subject.user.id != call.caller.user.id:
        raise NotAllowed(f"identity:{action}")
    return token, subject


def _forget_expired(tx: Transaction, now: str) -> None:
    for old in list(tx.snapshot.all(RevokedToken)):
        if old.expires_at < now:
            tx.remove(old)
