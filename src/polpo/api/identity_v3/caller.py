"""Who shows a token, as the snapshot has it now: the token's claims are only where to look."""

import msgspec

from polpo.api.context import Context, Unauthorized
from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.tokens import Claims, iso, microseconds
from polpo.model.identity import (
    ApplicationCredential,
    Domain,
    Project,
    RevokedToken,
    Role,
    User,
)
from polpo.model.snapshot import Snapshot


class Caller(msgspec.Struct, frozen=True):
    """`target` is the project or domain of the scope; None for the system or no scope."""

    claims: Claims
    user: User
    target: Project | Domain | None
    roles: list[Role]
    credential: ApplicationCredential | None
    context: Context

    @property
    def is_restricted(self) -> bool:
        """By an application credential that may not manage application credentials."""
        return self.credential is not None and not self.credential.unrestricted


def find(snapshot: Snapshot, claims: Claims) -> Caller:
    """Raises Unauthorized: revoked, or the user, the scope or all roles in it are gone.

    Does not look at the clock: the token's expiry is the caller's to check.
    """
    user = _user(snapshot, claims)
    credential = _credential(snapshot, claims)
    roles = _roles(snapshot, claims, credential)
    kind, _, id = claims.scope.partition("/")
    scopes: dict[str, type[Project] | type[Domain]] = {"project": Project, "domain": Domain}
    target = snapshot.get(scopes[kind], id) if kind in scopes else None
    return Caller(claims, user, target, roles, credential, _context(claims, user, target, roles))


def _user(snapshot: Snapshot, claims: Claims) -> User:
    user = snapshot.get(User, claims.user_id)
    if user is None or not user.enabled or not directory.domain_open(snapshot, user.domain_id):
        raise Unauthorized("no such user, or disabled")
    if user.tokens_from and claims.issued_us < microseconds(user.tokens_from):
        raise Unauthorized("issued before the password was changed")
    if snapshot.get(RevokedToken, claims.id) is not None:
        raise Unauthorized("revoked")
    return user


def _credential(snapshot: Snapshot, claims: Claims) -> ApplicationCredential | None:
    if not claims.application_credential_id:
        return None
    credential = snapshot.get(ApplicationCredential, claims.application_credential_id)
    if credential is None:
        raise Unauthorized("the application credential is gone")
    return credential


def _roles(
    snapshot: Snapshot, claims: Claims, credential: ApplicationCredential | None
) -> list[Role]:
    if not claims.scope:
        return []
    if not directory.is_open(snapshot, claims.scope):
        raise Unauthorized("no such scope, or disabled")
    roles = directory.roles_on(snapshot, claims.user_id, claims.scope)
    if credential is not None:
        lent = {role.id for role in directory.with_implied(snapshot, credential.role_ids)}
        roles = [role for role in roles if role.id in lent]
    if not roles:
        raise Unauthorized("no role there")
    return roles


def _context(
    claims: Claims, user: User, target: Project | Domain | None, roles: list[Role]
) -> Context:
    project = target if isinstance(target, Project) else None
    return Context(
        user_id=user.id,
        user_name=user.name,
        project_id=project.id if project else "",
        project_name=project.name if project else "",
        roles=frozenset(role.name for role in roles),
        domain_id=project.domain_id if project else target.id if target else user.domain_id,
        token_id=claims.id,
        expires_at=iso(claims.expires_us),
    )
