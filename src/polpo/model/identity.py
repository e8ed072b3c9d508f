"""Projects, users, what users may do where, and application credentials: Keystone's words."""

from typing import Any, ClassVar

from polpo.model.object import Claim, IndexEntry, Object


class Domain(Object, frozen=True, kw_only=True, omit_defaults=True):
    kind: ClassVar[str] = "domain"

    name: str
    description: str = ""
    enabled: bool = True

    def claims(self) -> tuple[Claim, ...]:
        return (("domain", self.name.lower()),)


class Project(Object, frozen=True, kw_only=True, omit_defaults=True):
    kind: ClassVar[str] = "project"

    name: str
    domain_id: str
    description: str = ""
    enabled: bool = True
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = {}

    def claims(self) -> tuple[Claim, ...]:
        return ((f"project/{self.domain_id}", self.name.lower()),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (("domain", self.domain_id), ("name", self.name))


class User(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`password_hash` is Argon2id's own text; tokens issued before `tokens_from` are void."""

    kind: ClassVar[str] = "user"

    name: str
    domain_id: str
    password_hash: str = ""
    tokens_from: str = ""
    default_project_id: str | None = None
    description: str = ""
    email: str = ""
    enabled: bool = True
    extra: dict[str, Any] = {}

    def claims(self) -> tuple[Claim, ...]:
        return ((f"user/{self.domain_id}", self.name.lower()),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (("domain", self.domain_id), ("name", self.name))


class Role(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`admin`, `member` and `reader` mean something; others may be made and mean nothing."""

    kind: ClassVar[str] = "role"

    name: str
    description: str = ""

    def claims(self) -> tuple[Claim, ...]:
        return (("role", self.name.lower()),)


class RoleAssignment(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`target` is `project/<id>`, `domain/<id>` or `system/all`."""

    kind: ClassVar[str] = "role_assignment"

    user_id: str
    role_id: str
    target: str

    def claims(self) -> tuple[Claim, ...]:
        return (("assignment", f"{self.user_id}/{self.role_id}/{self.target}"),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (("user", self.user_id), ("role", self.role_id), ("target", self.target))


class ApplicationCredential(Object, frozen=True, kw_only=True, omit_defaults=True):
    """Lets a program act for a user in one project, with some of the user's roles."""

    kind: ClassVar[str] = "application_credential"

    name: str
    user_id: str
    project_id: str
    secret_hash: str
    role_ids: tuple[str, ...]
    description: str = ""
    expires_at: str | None = None
    unrestricted: bool = False

    def claims(self) -> tuple[Claim, ...]:
        return ((f"application_credential/{self.user_id}", self.name.lower()),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (("user", self.user_id), ("project", self.project_id))


class RevokedToken(Object, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is the token's own; the row may go once `expires_at` has passed."""

    kind: ClassVar[str] = "revoked_token"

    expires_at: str


class SigningKey(Object, frozen=True, kw_only=True, omit_defaults=True):
    """What tokens are signed with; the newest signs, all verify. Never shown by any API."""

    kind: ClassVar[str] = "signing_key"

    secret: str
