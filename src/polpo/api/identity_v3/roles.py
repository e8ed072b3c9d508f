"""/v3/roles: admin, member and reader mean something; others may be made and mean nothing."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.bootstrap import ROLES, new_id
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.errors import Forbidden
from polpo.api.identity_v3.fields import Name, Text, invalid, member
from polpo.api.identity_v3.listing import filtered, found, listing
from polpo.api.identity_v3.options import check_options
from polpo.api.identity_v3.removal import remove_role
from polpo.model.identity import Role
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction


class _New(msgspec.Struct):
    name: Name
    description: Text | None = None
    domain_id: str | None = None
    options: dict[str, Any] = {}


class _Change(msgspec.Struct):
    name: Name | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    options: dict[str, Any] = {}


async def list_roles(call: Call) -> Response:
    roles = filtered(call, call.snapshot.all(Role), "name", "id")
    if call.query("domain_id"):
        roles = []  # roles of one domain only: there are none
    return listing(call, "roles", [role_view(call, r) for r in roles])


async def get_role(call: Call) -> Response:
    return answer({"role": role_view(call, found(call.snapshot, Role, call.part("role_id")))})


async def create_role(call: Call) -> Response:
    new = member(await call.body(), "role", _New)
    check_options(new.options)
    if new.domain_id is not None:
        raise invalid("domain_id", "roles of one domain are not supported")
    role = Role(id=new_id(), name=new.name, description=new.description or "")
    return answer({"role": role_view(call, await call.write(lambda tx: tx.put(role)))}, 201)


async def update_role(call: Call) -> Response:
    change = member(await call.body(), "role", _Change)
    check_options(change.options)
    wanted = {"name": change.name, "description": change.description or ""}
    values = {n: v for n, v in wanted.items() if getattr(change, n) is not UNSET}
    id = call.part("role_id")

    def act(tx: Transaction) -> Role:
        role = found(tx.snapshot, Role, id)
        if "name" in values:
            _check_own(role, "update")
        return tx.put(msgspec.structs.replace(role, **values))

    return answer({"role": role_view(call, await call.write(act))})


async def delete_role(call: Call) -> Response:
    id = call.part("role_id")

    def act(tx: Transaction) -> None:
        role = found(tx.snapshot, Role, id)
        _check_own(role, "delete")
        remove_role(tx, role)

    await call.write(act)
    return empty()


async def list_role_inference_rules(call: Call) -> Response:
    """Who has the one role has the others: fixed, and only shown."""
    named = {name: directory.role_named(call.snapshot, name) for name in ROLES}
    rows = [_inference(call, named[prior], named[implied]) for prior, implied in _IMPLIED]
    return answer({"role_inferences": [row for row in rows if row]})


_IMPLIED = tuple(directory.IMPLIED.items())


def role_view(call: Call, role: Role) -> dict[str, object]:
    return {
        "id": role.id,
        "name": role.name,
        "domain_id": None,
        "description": role.description or None,
        "options": {"immutable": True} if role.name in ROLES else {},
        "links": {"self": call.url(f"/roles/{role.id}")},
    }


def _inference(call: Call, prior: Role | None, implied: Role | None) -> dict[str, object] | None:
    if prior is None or implied is None:
        return None
    return {"prior_role": role_view(call, prior), "implies": [role_view(call, implied)]}


def _check_own(role: Role, verb: str) -> None:
    if role.name in ROLES:
        raise Forbidden(
            f"Cannot {verb} immutable role {role.id}: policies are written in terms of it."
        )


def role_by(snapshot: Snapshot, id: str | None, name: str | None) -> Role:
    """Raises NotFound."""
    named = directory.role_named(snapshot, name) if name and not id else None
    return named or found(snapshot, Role, id or name or "")
