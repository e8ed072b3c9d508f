"""Who may read a secret or a container (Barbican API v1, "ACL API")."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from polpo.api.secrets_v1.call import NAMES, Call, answer
from polpo.api.secrets_v1.errors import forbidden
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
            read |= {"users": obj.readers, "created": obj.created_at, "updated": obj.updated_at}
        return answer({"read": read})

    return handle


def update(kind: type[Guarded]) -> Callable[[Call], Any]:
    """PUT: what is not said is as it is by default; PATCH: it is as it was."""

    async def handle(call: Call) -> Response:
        obj = _to_change(call, kind)
        body = (await call.read(AccessBody, "ACL")).read
        before = obj if call.request.method == "PATCH" else replace(obj, **NOBODY_MORE)
        users = before.readers if body.users is None else tuple(sorted(set(body.users)))
        access = before.project_access if body.project_access is None else body.project_access
        after = replace(obj, readers=users, project_access=access)
        await call.controller.store.write(lambda tx: tx.put(after))
        return answer({"acl_ref": call.url(f"/{NAMES[kind]}s/{obj.id}/acl")})

    return handle


def remove(kind: type[Guarded]) -> Callable[[Call], Any]:
    async def handle(call: Call) -> Response:
        obj = _to_change(call, kind)
        await call.controller.store.write(lambda tx: tx.put(replace(obj, **NOBODY_MORE)))
        return Response(status_code=200)

    return handle


NOBODY_MORE: dict[str, Any] = {"readers": (), "project_access": True}


def _to_change(call: Call, kind: type[Guarded]) -> Guarded:
    """Whoever may read it must not let others in: its maker may, and the project's writers."""
    obj = call.find(kind)
    user = call.context.user_id
    if user != obj.creator_id and (obj.project_id != call.project_id or not call.context.may_write):
        raise forbidden("ACL change")
    return obj
