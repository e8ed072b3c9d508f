"""Checks what POST /v3/auth/tokens offers as proof of who asks, method by method."""

import msgspec

from polpo.api.context import Unauthorized
from polpo.api.identity_v3 import directory
from polpo.api.identity_v3.auth_request import (
    CredentialProof,
    DomainRef,
    IdentityProof,
    PasswordUser,
    TokenProof,
    UserRef,
)
from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.errors import NotAllowed, Unauthenticated
from polpo.api.identity_v3.fields import missing
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.tokens import microseconds
from polpo.model.identity import ApplicationCredential, User
from polpo.model.snapshot import Snapshot


class Proven(msgspec.Struct, frozen=True):
    """A user who has proved it; by another token, by an application credential, or a password."""

    user: User
    methods: tuple[str, ...]
    parent: Caller | None = None
    credential: ApplicationCredential | None = None


async def prove(identity: LocalIdentity, proof: IdentityProof, source: str) -> Proven:
    """All methods must agree on one user. Raises Unauthenticated, BadRequest, and others."""
    proven = [await _prove(identity, proof, method, source) for method in proof.methods]
    if len({p.user.id for p in proven}) != 1:
        raise Unauthenticated
    return Proven(
        user=proven[0].user,
        methods=tuple(dict.fromkeys(m for p in proven for m in p.methods)),
        parent=next((p.parent for p in proven if p.parent), None),
        credential=next((p.credential for p in proven if p.credential), None),
    )


async def _prove(identity: LocalIdentity, proof: IdentityProof, method: str, source: str) -> Proven:
    offered = getattr(proof, method) if method in _METHODS else None
    if offered is None:
        if method in _METHODS:
            raise missing(method, "identity")
        raise Unauthenticated
    if method == "password":
        return await by_password(identity, offered.user, source)
    if method == "token":
        return by_token(identity, offered)
    return await by_credential(identity, offered, source)


_METHODS = ("password", "token", "application_credential")


async def by_password(identity: LocalIdentity, who: PasswordUser, source: str) -> Proven:
    snapshot = identity.store.snapshot
    user = find_user(snapshot, who)
    account = user.id if user else _name(who)
    stored = user.password_hash if user else None
    right = await identity.passwords.verify(account, source, stored, who.password)
    return Proven(_usable(identity, user, right), ("password",))


def by_token(identity: LocalIdentity, offered: TokenProof) -> Proven:
    try:
        parent = identity.caller(offered.id)
    except Unauthorized as error:
        raise Unauthenticated from error
    if parent.credential is not None:
        raise NotAllowed("Using a delegated token to create another token is not allowed")
    return Proven(parent.user, ("token", *parent.claims.methods), parent)


async def by_credential(identity: LocalIdentity, who: CredentialProof, source: str) -> Proven:
    credential = _find_credential(identity.store.snapshot, who)
    account = credential.id if credential else who.id or who.name or ""
    stored = credential.secret_hash if credential else None
    right = await identity.passwords.verify(account, source, stored, who.secret)
    if credential is None or not _in_force(credential, identity.now_us()):
        raise Unauthenticated
    user = identity.store.snapshot.get(User, credential.user_id)
    user = _usable(identity, user, right)
    return Proven(user, ("application_credential",), None, credential)


def find_user(snapshot: Snapshot, who: UserRef) -> User | None:
    """Raises BadRequest: neither an id, nor a name with a domain."""
    if who.id:
        return snapshot.get(User, who.id)
    if not who.name:
        raise missing("id or name", "user")
    domain_id = find_domain(snapshot, who.domain, "user")
    return directory.user_named(snapshot, who.name, domain_id) if domain_id else None


def find_domain(snapshot: Snapshot, domain: DomainRef | None, place: str) -> str | None:
    """The domain's id, or None if there is no such domain. Raises BadRequest."""
    if domain is None:
        raise missing("domain", place)
    if domain.id:
        return domain.id
    if not domain.name:
        raise missing("id or name", "domain")
    found = directory.domain_named(snapshot, domain.name)
    return found.id if found else None


def _find_credential(snapshot: Snapshot, who: CredentialProof) -> ApplicationCredential | None:
    id = who.id
    if not id:
        if not who.name or who.user is None:
            raise missing("id, or name and user", "application_credential")
        user = find_user(snapshot, who.user)
        scope = f"application_credential/{user.id}" if user else ""
        id = snapshot.holder(scope, who.name.lower())
    return snapshot.get(ApplicationCredential, id) if id else None


def _usable(identity: LocalIdentity, user: User | None, right: bool) -> User:
    """The user, read again: much may have happened while the password was checked."""
    snapshot = identity.store.snapshot
    now = snapshot.get(User, user.id) if user and right else None
    if now is None or not now.enabled or not directory.domain_open(snapshot, now.domain_id):
        raise Unauthenticated
    if user is None or now.password_hash != user.password_hash:
        raise Unauthenticated
    return now


def _in_force(credential: ApplicationCredential, now_us: int) -> bool:
    return credential.expires_at is None or microseconds(credential.expires_at) > now_us


def _name(who: UserRef) -> str:
    domain = who.domain or DomainRef()
    return f"{domain.id or domain.name}/{who.name}".lower() if who.name else str(who.id)
