"""The body of POST /v3/auth/tokens, as Keystone defines it."""

from typing import Annotated

import msgspec

from polpo.api.identity_v3.fields import Secret, member

Methods = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=3)]


class DomainRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class UserRef(msgspec.Struct, frozen=True):
    """By id, or by name and domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class PasswordUser(UserRef, frozen=True, kw_only=True):
    password: Annotated[str, msgspec.Meta(max_length=4096)]


class Password(msgspec.Struct, frozen=True):
    user: PasswordUser


class TokenProof(msgspec.Struct, frozen=True):
    id: str


class CredentialProof(msgspec.Struct, frozen=True):
    """By id, or by name and user."""

    secret: Secret
    id: str | None = None
    name: str | None = None
    user: UserRef | None = None


class IdentityProof(msgspec.Struct, frozen=True):
    methods: Methods
    password: Password | None = None
    token: TokenProof | None = None
    application_credential: CredentialProof | None = None


class ProjectRef(msgspec.Struct, frozen=True):
    """By id, or by name and domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class System(msgspec.Struct, frozen=True):
    all: bool = False


class ScopeRef(msgspec.Struct, frozen=True):
    """At most one of them."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: System | None = None
    unscoped: dict[str, object] | None = None
    trust: dict[str, object] | None = msgspec.field(name="OS-TRUST:trust", default=None)

    def given(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]


class AuthRequest(msgspec.Struct, frozen=True):
    """`scope` may also be the word "unscoped"."""

    identity: IdentityProof
    scope: ScopeRef | str | None = None


def parse(body: object) -> AuthRequest:
    """Raises BadRequest."""
    return member(body, "auth", AuthRequest)
