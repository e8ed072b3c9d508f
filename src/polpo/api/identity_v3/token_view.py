"""A token's body, as Keystone shows it."""

from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.catalog import Catalog
from polpo.api.identity_v3.directory import SYSTEM
from polpo.api.identity_v3.tokens import iso
from polpo.model.identity import Domain, Project
from polpo.model.snapshot import Snapshot


def token_view(
    snapshot: Snapshot, caller: Caller, catalog: Catalog | None
) -> dict[str, dict[str, object]]:
    """`catalog` None: leave it out, as the client asked."""
    claims, user = caller.claims, caller.user
    token: dict[str, object] = {
        "methods": list(claims.methods),
        "user": {
            "domain": _domain(snapshot, user.domain_id),
            "id": user.id,
            "name": user.name,
            "password_expires_at": None,
        },
        "audit_ids": [claims.id, *([claims.parent] if claims.parent else [])],
        "expires_at": iso(claims.expires_us),
        "issued_at": iso(claims.issued_us),
        **_scope(snapshot, caller),
    }
    if claims.scope:
        token["roles"] = [{"id": role.id, "name": role.name} for role in caller.roles]
        if catalog is not None:
            token["catalog"] = catalog.in_token()
    return {"token": token}


def _scope(snapshot: Snapshot, caller: Caller) -> dict[str, object]:
    if caller.claims.scope == SYSTEM:
        return {"system": {"all": True}}
    if isinstance(caller.target, Domain):
        return {"domain": {"id": caller.target.id, "name": caller.target.name}}
    if isinstance(caller.target, Project):
        project = caller.target
        domain = _domain(snapshot, project.domain_id)
        shown = {"domain": domain, "id": project.id, "name": project.name}
        return {"project": shown, "is_domain": False, **_credential(caller)}
    return {}


def _credential(caller: Caller) -> dict[str, object]:
    c = caller.credential
    if c is None:
        return {}
    shown = {"id": c.id, "name": c.name, "restricted": not c.unrestricted}
    return {"application_credential": shown}


def _domain(snapshot: Snapshot, id: str) -> dict[str, str]:
    domain = snapshot.get(Domain, id)
    return {"id": id, "name": domain.name if domain else ""}
