"""What goes with what: removing somebody or something also removes what hangs on it.

Networks, ports and so on of a removed project stay, as they do beside Keystone: an admin
removes them.
"""

from collections.abc import Iterable

import msgspec

from polpo.model.identity import (
    ApplicationCredential,
    Domain,
    Project,
    Role,
    RoleAssignment,
    User,
)
from polpo.model.object import Object
from polpo.store.transaction import Transaction


def remove_user(tx: Transaction, user: User) -> None:
    _remove_all(tx, tx.snapshot.by(RoleAssignment, "user", user.id))
    _remove_all(tx, tx.snapshot.by(ApplicationCredential, "user", user.id))
    tx.remove(user)


def remove_project(tx: Transaction, project: Project) -> None:
    _remove_all(tx, tx.snapshot.by(RoleAssignment, "target", f"project/{project.id}"))
    _remove_all(tx, tx.snapshot.by(ApplicationCredential, "project", project.id))
    for user in list(tx.snapshot.all(User)):
        if user.default_project_id == project.id:
            tx.put(msgspec.structs.replace(user, default_project_id=None))
    tx.remove(project)


def remove_domain(tx: Transaction, domain: Domain) -> None:
    """With its projects and users."""
    for project in list(tx.snapshot.by(Project, "domain", domain.id)):
        remove_project(tx, project)
    for user in list(tx.snapshot.by(User, "domain", domain.id)):
        remove_user(tx, user)
    _remove_all(tx, tx.snapshot.by(RoleAssignment, "target", f"domain/{domain.id}"))
    tx.remove(domain)


def remove_role(tx: Transaction, role: Role) -> None:
    for assignment in list(tx.snapshot.by(RoleAssignment, "role", role.id)):
        remove_assignment(tx, assignment)
    tx.remove(role)


def remove_assignment(tx: Transaction, assignment: RoleAssignment) -> None:
    """The user's application credentials for the project go too: they lend what is no more."""
    kind, _, id = assignment.target.partition("/")
    own = tx.snapshot.by(ApplicationCredential, "user", assignment.user_id)
    _remove_all(tx, [c for c in own if kind == "project" and c.project_id == id])
    tx.remove(assignment)


def _remove_all(tx: Transaction, objects: Iterable[Object]) -> None:
    for obj in list(objects):
        tx.remove(obj)
