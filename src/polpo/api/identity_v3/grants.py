"""Roles given to users: on a project, a domain or the system. Groups have none."""

from starlette.responses import Response

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.bootstrap import new_id
from polpo.api.identity_v3.call import Call, empty
from polpo.api.identity_v3.errors import NotFound
from polpo.api.identity_v3.listing import found, listing
from polpo.api.identity_v3.removal import remove_assignment
from polpo.api.identity_v3.roles import role_view
from polpo.model.identity import Domain, Project, Role, RoleAssignment, User
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction


async def list_grants(call: Call) -> Response:
    user_id, target = _check(call, call.snapshot)
    held = directory.assignments(call.snapshot, user_id, target)
    roles = [found(call.snapshot, Role, a.role_id) for a in held]
    return listing(call, "roles", [role_view(call, r) for r in roles])


async def check_grant(call: Call) -> Response:
    _assignment(call, call.snapshot)
    return empty()


async def create_grant(call: Call) -> Response:
    """No matter whether it is there already."""

    def act(tx: Transaction) -> None:
        user_id, target = _check(call, tx.snapshot)
        role = found(tx.snapshot, Role, call.part("role_id"))
        held = directory.assignments(tx.snapshot, user_id, target)
        if all(a.role_id != role.id for a in held):
            tx.put(RoleAssignment(id=new_id(), user_id=user_id, role_id=role.id, target=target))

    await call.write(act)
    return empty()


async def revoke_grant(call: Call) -> Response:
    await call.write(lambda tx: remove_assignment(tx, _assignment(call, tx.snapshot)))
    return empty()


def _assignment(call: Call, snapshot: Snapshot) -> RoleAssignment:
    user_id, target = _check(call, snapshot)
    role = found(snapshot, Role, call.part("role_id"))
    for assignment in directory.assignments(snapshot, user_id, target):
        if assignment.role_id == role.id:
            return assignment
    raise NotFound("role assignment", f"role {role.id}, user {user_id}, {target}")


def _check(call: Call, snapshot: Snapshot) -> tuple[str, str]:
    """The user and the target of the path. Raises NotFound."""
    user = found(snapshot, User, call.part("user_id"))
    if "project_id" in call.request.path_params:
        return user.id, f"project/{found(snapshot, Project, call.part('project_id')).id}"
    if "domain_id" in call.request.path_params:
        return user.id, f"domain/{found(snapshot, Domain, call.part('domain_id')).id}"
    return user.id, directory.SYSTEM
