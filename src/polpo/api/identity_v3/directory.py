"""Who there is and what they may do where: reads of a snapshot, in Keystone's terms."""

from collections.abc import Iterable

from polpo.model.identity import Domain, Project, Role, RoleAssignment, User
from polpo.model.snapshot import Snapshot

SYSTEM = "system/all"

IMPLIED = {"admin": "member", "member": "reader"}
"""Who has the one has the other as well (what Keystone's own bootstrap sets up)."""


def user_named(snapshot: Snapshot, name: str, domain_id: str) -> User | None:
    id = snapshot.holder(f"user/{domain_id}", name.lower())
    return snapshot.get(User, id) if id else None


def project_named(snapshot: Snapshot, name: str, domain_id: str) -> Project | None:
    id = snapshot.holder(f"project/{domain_id}", name.lower())
    return snapshot.get(Project, id) if id else None


def domain_named(snapshot: Snapshot, name: str) -> Domain | None:
    id = snapshot.holder("domain", name.lower())
    return snapshot.get(Domain, id) if id else None


def role_named(snapshot: Snapshot, name: str) -> Role | None:
    id = snapshot.holder("role", name.lower())
    return snapshot.get(Role, id) if id else None


def assignments(snapshot: Snapshot, user_id: str, target: str) -> list[RoleAssignment]:
    """Looks through the user's assignments or the target's, whichever are fewer."""
    name, value = "user", user_id
    here = snapshot.count_by(RoleAssignment, "target", target)
    if here < snapshot.count_by(RoleAssignment, name, value):
        name, value = "target", target
    found = snapshot.by(RoleAssignment, name, value)
    return [a for a in found if a.user_id == user_id and a.target == target]


def roles_on(snapshot: Snapshot, user_id: str, target: str) -> list[Role]:
    """The user's roles on the target now, with those they imply; by name."""
    return with_implied(snapshot, (a.role_id for a in assignments(snapshot, user_id, target)))


def with_implied(snapshot: Snapshot, role_ids: Iterable[str]) -> list[Role]:
    roles: dict[str, Role] = {}
    for id in role_ids:
        role = snapshot.get(Role, id)
        while role is not None and role.name not in roles:
            roles[role.name] = role
            role = role_named(snapshot, IMPLIED.get(role.name, ""))
    return [roles[name] for name in sorted(roles)]


def is_open(snapshot: Snapshot, target: str) -> bool:
    """Whether it is there and enabled, and its domain too."""
    kind, _, id = target.partition("/")
    if kind == "project":
        project = snapshot.get(Project, id)
        return project is not None and project.enabled and domain_open(snapshot, project.domain_id)
    return target == SYSTEM or (kind == "domain" and domain_open(snapshot, id))


def domain_open(snapshot: Snapshot, id: str) -> bool:
    domain = snapshot.get(Domain, id)
    return domain is not None and domain.enabled
