"""/v3/users/{id}/application_credentials: the secret is shown once, when it is made."""

import secrets
from typing import Any

import msgspec
from starlette.responses import Response

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.bootstrap import new_id
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.errors import BadRequest, NotFound
from polpo.api.identity_v3.fields import NOT_UNDERSTOOD, Name, Secret, Text, invalid, member
from polpo.api.identity_v3.listing import filtered, found, listing
from polpo.api.identity_v3.roles import role_by
from polpo.api.identity_v3.tokens import iso, microseconds
from polpo.model.identity import ApplicationCredential, Project, Role, User
from polpo.store.transaction import Transaction


class _RoleRef(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class _New(msgspec.Struct):
    name: Name
    description: Text | None = None
    secret: Secret | None = None
    expires_at: str | None = None
    roles: tuple[_RoleRef, ...] | None = None
    unrestricted: bool | None = None
    access_rules: tuple[dict[str, Any], ...] | None = None


async def list_application_credentials(call: Call) -> Response:
    own = call.snapshot.by(ApplicationCredential, "user", call.part("user_id"))
    rows = [_view(call, c) for c in filtered(call, own, "name")]
    return listing(call, "application_credentials", rows)


async def get_application_credential(call: Call) -> Response:
    credential = _find(call, call.snapshot.get(ApplicationCredential, call.part("id")))
    return answer({"application_credential": _view(call, credential)})


async def create_application_credential(call: Call) -> Response:
    """For the project of the token, with all or some of the token's roles."""
    new = member(await call.body(), "application_credential", _New)
    if new.access_rules:
        raise invalid("access_rules", "access rules are not supported")
    secret = new.secret or secrets.token_urlsafe(64)
    credential = ApplicationCredential(
        id=new_id(),
        name=new.name,
        user_id=call.caller.user.id,
        project_id=_project_id(call.caller),
        role_ids=tuple(role.id for role in _roles(call, new.roles)),
        description=new.description or "",
        expires_at=_expiry(call, new.expires_at),
        unrestricted=bool(new.unrestricted),
        secret_hash=await call.identity.passwords.hash(secret),
    )

    def act(tx: Transaction) -> ApplicationCredential:
        found(tx.snapshot, User, credential.user_id)
        found(tx.snapshot, Project, credential.project_id)
        return tx.put(credential)

    view = _view(call, await call.write(act))
    return answer({"application_credential": {**view, "secret": secret}}, 201)


async def delete_application_credential(call: Call) -> Response:
    id = call.part("id")
    await call.write(lambda tx: tx.remove(_find(call, tx.snapshot.get(ApplicationCredential, id))))
    return empty()


async def list_access_rules(call: Call) -> Response:
    """There are none; `openstack application credential` may ask."""
    return listing(call, "access_rules", [])


def _view(call: Call, credential: ApplicationCredential) -> dict[str, object]:
    roles = [call.snapshot.get(Role, id) for id in credential.role_ids]
    path = f"/users/{credential.user_id}/application_credentials/{credential.id}"
    return {
        "id": credential.id,
        "name": credential.name,
        "description": credential.description or None,
        "user_id": credential.user_id,
        "project_id": credential.project_id,
        # Keystone writes no Z here, and gophercloud reads none.
        "expires_at": credential.expires_at and credential.expires_at.removesuffix("Z"),
        "unrestricted": credential.unrestricted,
        "roles": [{"id": r.id, "name": r.name, "domain_id": None} for r in roles if r],
        "system": None,
        "links": {"self": call.url(path)},
    }


def _find(call: Call, credential: ApplicationCredential | None) -> ApplicationCredential:
    """Only under the path of the user whose it is. Raises NotFound."""
    if credential is None or credential.user_id != call.part("user_id"):
        raise NotFound("application_credential", call.part("id"))
    return credential


def _project_id(caller: Caller) -> str:
    if not isinstance(caller.target, Project):
        raise BadRequest("Invalid application credential: the token is not scoped to a project.")
    return caller.target.id


def _roles(call: Call, asked: tuple[_RoleRef, ...] | None) -> list[Role]:
    """Raises NotFound, and BadRequest for a role that the token does not have."""
    if not asked:
        return call.caller.roles
    roles = [role_by(call.snapshot, ref.id, ref.name) for ref in asked]
    wanted = {r.id for r in directory.with_implied(call.snapshot, (r.id for r in roles))}
    if lacking := wanted - {role.id for role in call.caller.roles}:
        missing = ", ".join(sorted(lacking))
        raise BadRequest(f"Invalid application credential: the token has no role {missing}.")
    return roles


def _expiry(call: Call, text: str | None) -> str | None:
    """ISO 8601; UTC where no zone is given. Raises BadRequest."""
    if text is None:
        return None
    try:
        at = microseconds(text)
        expires_at = iso(at)
    except (ValueError, OverflowError, OSError) as error:
        raise invalid(
            "expires_at", f"Timestamp not in expected format. {NOT_UNDERSTOOD}"
        ) from error
    if at <= call.identity.now_us():
        raise BadRequest(f"The 'expires_at' must not be before now. {NOT_UNDERSTOOD}")
    return expires_at
