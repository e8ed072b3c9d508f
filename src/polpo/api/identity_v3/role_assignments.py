"""/v3/role_assignments: who has which role where."""

from collections.abc import Iterator

from starlette.responses import Response

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.call import Call
from polpo.api.identity_v3.errors import BadRequest
from polpo.api.identity_v3.listing import listing, truth
from polpo.model.identity import Domain, Project, Role, RoleAssignment, User
from polpo.model.snapshot import Snapshot


async def list_role_assignments(call: Call) -> Response:
    """Filters: user.id, role.id, scope.project.id, scope.domain.id, scope.system; `effective`."""
    rows = [
        _view(call, assignment, role)
        for assignment in _chosen(call)
        for role in _roles(call, assignment)
        if call.query("role.id") in (None, role.id)
    ]
    return listing(call, "role_assignments", rows)


def _chosen(call: Call) -> list[RoleAssignment]:
    if call.query("group.id") or call.query("scope.OS-INHERIT:inherited_to"):
        return []  # there are no groups, and nothing is inherited
    target, user_id = _target(call), call.query("user.id")
    found = _narrowest(call.snapshot, user_id, target)
    chosen = (a for a in found if user_id in (None, a.user_id) and target in (None, a.target))
    return sorted(chosen, key=lambda a: (a.target, a.user_id, a.role_id))


def _narrowest(
    snapshot: Snapshot, user_id: str | None, target: str | None
) -> Iterator[RoleAssignment]:
    if user_id:
        yield from snapshot.by(RoleAssignment, "user", user_id)
    elif target:
        yield from snapshot.by(RoleAssignment, "target", target)
    else:
        yield from snapshot.all(RoleAssignment)


def _target(call: Call) -> str | None:
    """What the query's scope means. Raises BadRequest: more than one."""
    given = {
        "project": call.query("scope.project.id"),
        "domain": call.query("scope.domain.id"),
        "system": "all" if call.query("scope.system") else None,
    }
    targets = [f"{kind}/{id}" for kind, id in given.items() if id]
    if len(targets) > 1:
        raise BadRequest("Specify only one of scope.project.id, scope.domain.id, scope.system.")
    return targets[0] if targets else None


def _roles(call: Call, assignment: RoleAssignment) -> list[Role]:
    if _asked(call, "effective"):
        return directory.with_implied(call.snapshot, [assignment.role_id])
    role = call.snapshot.get(Role, assignment.role_id)
    return [role] if role else []


def _view(call: Call, assignment: RoleAssignment, role: Role) -> dict[str, object]:
    kind, _, id = assignment.target.partition("/")
    path = f"/{assignment.target}" if kind == "system" else f"/{kind}s/{id}"
    path = path.replace("/system/all", "/system")
    names = _asked(call, "include_names")
    return {
        "role": {"id": role.id, **({"name": role.name} if names else {})},
        "user": _named(call.snapshot, User, assignment.user_id, names),
        "scope": _scope(call.snapshot, kind, id, names),
        "links": {"assignment": call.url(f"{path}/users/{assignment.user_id}/roles/{role.id}")},
    }


def _scope(snapshot: Snapshot, kind: str, id: str, names: bool) -> dict[str, object]:
    if kind == "system":
        return {"system": {"all": True}}
    return {kind: _named(snapshot, Project if kind == "project" else Domain, id, names)}


def _named(
    snapshot: Snapshot, cls: type[User] | type[Project] | type[Domain], id: str, names: bool
) -> dict[str, object]:
    obj = snapshot.get(cls, id) if names else None
    if obj is None:
        return {"id": id}
    if isinstance(obj, Domain):
        return {"id": id, "name": obj.name}
    domain = snapshot.get(Domain, obj.domain_id)
    return {
        "id": id,
        "name": obj.name,
        "domain": {"id": obj.domain_id, "name": domain.name if domain else ""},
    }


def _asked(call: Call, name: str) -> bool:
    value = call.query(name)
    return value is not None and truth(value)
