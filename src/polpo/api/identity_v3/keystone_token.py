"""What Keystone says of a token, as far as polpo reads it."""

import msgspec

from polpo.api.context import Context


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Domain(msgspec.Struct, frozen=True):
    id: str


class _User(msgspec.Struct, frozen=True):
    id: str
    name: str
    domain: _Domain


class _Project(msgspec.Struct, frozen=True):
    id: str
    name: str
    domain: _Domain


class KeystoneToken(msgspec.Struct, frozen=True):
    """The member `token` of the answer to GET /v3/auth/tokens."""

    user: _User
    expires_at: str
    audit_ids: tuple[str, ...] = ()
    project: _Project | None = None
    domain: _Domain | None = None
    roles: tuple[_Named, ...] = ()


def context_of(token: KeystoneToken) -> Context:
    project = token.project
    domain = project.domain if project else token.domain or token.user.domain
    return Context(
        user_id=token.user.id,
        user_name=token.user.name,
        project_id=project.id if project else "",
        project_name=project.name if project else "",
        roles=frozenset(role.name for role in token.roles),
        domain_id=domain.id,
        token_id=token.audit_ids[0] if token.audit_ids else "",
        expires_at=token.expires_at,
    )
