"""What must be there before anybody can log in; and a project with a user in it.

All are functions of a transaction: they run inside `store.write`.
"""

from uuid import uuid4

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.keys import rotate, signing_keys
from polpo.model.identity import Domain, Project, Role, RoleAssignment, User
from polpo.store.transaction import Transaction

DOMAIN = "default"
ROLES = ("admin", "member", "reader")


def bootstrap(tx: Transaction, password_hash: str) -> User:
    """Domain, roles, a signing key, and user `admin`: admin of project `admin` and the system.

    Safe to repeat: what is there stays as it is, the admin's password too.
    """
    if tx.snapshot.get(Domain, DOMAIN) is None:
        tx.put(Domain(id=DOMAIN, name="Default", description="The default domain"))
    if not signing_keys(tx.snapshot):
        rotate(tx)
    for name in ROLES:
        ensure_role(tx, name)
    project = ensure_project(tx, "admin")
    user = ensure_user(tx, "admin", password_hash, project.id)
    for target in (f"project/{project.id}", directory.SYSTEM):
        ensure_assignment(tx, user.id, "admin", target)
    return user


def ensure_role(tx: Transaction, name: str) -> Role:
    return directory.role_named(tx.snapshot, name) or tx.put(Role(id=new_id(), name=name))


def ensure_project(tx: Transaction, name: str, domain_id: str = DOMAIN) -> Project:
    found = directory.project_named(tx.snapshot, name, domain_id)
    return found or tx.put(Project(id=new_id(), name=name, domain_id=domain_id))


def ensure_user(
    tx: Transaction, name: str, password_hash: str, project_id: str, domain_id: str = DOMAIN
) -> User:
    """An existing user keeps the password."""
    found = directory.user_named(tx.snapshot, name, domain_id)
    return found or tx.put(
        User(
            id=new_id(),
            name=name,
            domain_id=domain_id,
            password_hash=password_hash,
            default_project_id=project_id,
        )
    )


def ensure_assignment(
    tx: Transaction, user_id: str, role_name: str, target: str
) -> RoleAssignment | None:
    """None: it was there."""
    role = ensure_role(tx, role_name)
    if any(a.role_id == role.id for a in directory.assignments(tx.snapshot, user_id, target)):
        return None
    return tx.put(RoleAssignment(id=new_id(), user_id=user_id, role_id=role.id, target=target))


def new_id() -> str:
    """Keystone's form: 32 hexadecimal digits."""
    return uuid4().hex
