"""Where a new token is to be valid: what was asked for, or the user's default project."""

from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.auth_request import AuthRequest, ProjectRef, ScopeRef
from polpo.api.identity_v3.errors import BadRequest, Unauthenticated
from polpo.api.identity_v3.fields import invalid, missing
from polpo.api.identity_v3.proof import Proven, find_domain
from polpo.model.snapshot import Snapshot


def scope_of(snapshot: Snapshot, auth: AuthRequest, proven: Proven) -> str:
    """A role's target, or "" for none. Raises Unauthenticated, BadRequest."""
    asked = _asked(snapshot, auth.scope)
    if proven.credential is not None:
        if asked is not None:  # it is for one project, and cannot ask for any
            raise Unauthenticated
        return f"project/{proven.credential.project_id}"
    if asked is None:
        return _default(snapshot, proven)
    if asked and not usable(snapshot, proven.user.id, asked):
        raise Unauthenticated
    return asked


def usable(snapshot: Snapshot, user_id: str, scope: str) -> bool:
    """Whether it is there and enabled, and the user has a role in it."""
    open = directory.is_open(snapshot, scope)
    return open and bool(directory.assignments(snapshot, user_id, scope))


def _asked(snapshot: Snapshot, scope: ScopeRef | str | None) -> str | None:
    """None: nothing was asked for; "": no scope was."""
    if isinstance(scope, ScopeRef):
        return _target(snapshot, scope)
    if scope not in (None, "unscoped"):
        raise invalid("auth/scope", "expected an object or 'unscoped'")
    return None if scope is None else ""


def _default(snapshot: Snapshot, proven: Proven) -> str:
    scope = f"project/{proven.user.default_project_id}"
    return scope if usable(snapshot, proven.user.id, scope) else ""


def _target(snapshot: Snapshot, asked: ScopeRef) -> str:
    given = asked.given()
    if len(given) != 1:
        raise BadRequest("Expecting to find exactly one of project, domain or system in scope.")
    if asked.project is not None:
        return f"project/{_project(snapshot, asked.project)}"
    if asked.domain is not None:
        return f"domain/{find_domain(snapshot, asked.domain, 'scope')}"
    if asked.system is not None:
        if not asked.system.all:
            raise missing("all", "system")
        return directory.SYSTEM
    if asked.trust is not None:
        raise BadRequest("Trusts are not supported.")
    return ""


def _project(snapshot: Snapshot, asked: ProjectRef) -> str | None:
    if asked.id:
        return asked.id
    if not asked.name:
        raise missing("id or name", "project")
    domain_id = find_domain(snapshot, asked.domain, "project")
    project = directory.project_named(snapshot, asked.name, domain_id) if domain_id else None
    return project.id if project else None
