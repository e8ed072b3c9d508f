"""Who may read a secret or a container (Barbican API v1, "ACL API")."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from polpo.api.secrets_v1.call import NAMES, Call, answer, moment
from polpo.api.secrets_v1.errors import forbidden, not_found
from polpo.model.secret import Guarded


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    users: Annotated[list[str], msgspec.Meta(max_length=100)] | None = None
    project_access: bool | None = None


class AccessBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    read: Reading = Reading()


def show(kind: type[Guarded]) -> Callable[[Call], Any]:
    async def handle(call: Call) -> Response:
        obj = call.find(kind)
        read: dict[str, Any] = {"project-access": obj.project_access}
        if obj.readers or not obj.project_access:
            read |= {
                "users": obj.readers,
                "created": moment(obj.created_at),
                "updated": moment(obj.updated_at),
            }
        return answer({"read": read})

    return handle


def update(kind: type[Guarded]) -> Callable[[Call], Any]:
    """PUT: what is not said is as it is by default; PATCH: it is as it was."""

    async def handle(call: Call) -> Response:
        obj = _to_change(call, kind)
        body = (await call.read(AccessBody, "ACL")).read
        keeps = call.request.method == "PATCH"
        await _write(call, obj, lambda now: _said(now if keeps else _closed(now), body))
        return answer({"acl_ref": call.url(f"/{NAMES[kind]}s/{obj.id}/acl")})

    return handle


def remove(kind: type[Guarded]) -> Callable[[Call], Any]:
    async def handle(call: Call) -> Response:
        obj = _to_change(call, kind)
        await _write(call, obj, _closed)
        return Response(status_code=200)

    return handle


def _said(before: Guarded, body: Reading) -> Guarded:
    users = before.readers if body.users is None else tuple(sorted(set(body.users)))
    access = before.project_access if body.project_access is None else body.project_access
    return replace(before, readers=users, project_access=access)


def _closed(before: Guarded) -> Guarded:
    return replace(before, readers=(), project_access=True)


async def _write(call: Call, seen: Guarded, change: Callable[[Guarded], Guarded]) -> None:
    """As it is by now: its payload may have come since, or it may be gone."""

    def act(tx: Any) -> None:
        now = tx.snapshot.get(type(seen), seen.id)
        if now is None:
            raise not_found(NAMES[type(seen)])
        tx.put(change(now))

    await call.controller.store.write(act)


def _to_change(call: Call, kind: type[Guarded]) -> Guarded:
    """Whoever may read it must not let others in: in its project its maker may, and writers."""
    obj = call.find(kind)
    is_maker = call.context.user_id == obj.creator_id
    if obj.project_id != call.project_id or not (is_maker or call.context.may_write):
        raise forbidden("ACL change")
    return obj
