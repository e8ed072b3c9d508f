"""Containers (Barbican API v1, "Containers API"): secrets that belong together."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from polpo.api.identifier import new_id
from polpo.api.secrets_v1.call import Call, answer, is_over, moment, nothing
from polpo.api.secrets_v1.errors import bad_request, not_found
from polpo.api.secrets_v1.secrets import Text, page
from polpo.api.secrets_v1.secrets import ref as secret_ref
from polpo.model.secret import Secret, SecretContainer, SecretRef, id_in

PARTS = {
    "certificate": ("certificate", "private_key", "private_key_passphrase", "intermediates"),
    "rsa": ("public_key", "private_key", "private_key_passphrase"),
}
"""What may be in one of that type; the first ones must be."""
NEEDED = {"certificate": ("certificate",), "rsa": ("public_key", "private_key")}


class RefBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret_ref: Annotated[str, msgspec.Meta(max_length=2048)]
    name: Text | None = None


class ContainerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A POST's."""

    type: Literal["generic", "rsa", "certificate"]
    name: Text | None = None
    secret_refs: Annotated[list[RefBody], msgspec.Meta(max_length=100)] = []


async def create(call: Call) -> Response:
    call.check_writer("Container creation")
    body = await call.read(ContainerBody, "Container")
    container = SecretContainer(
        id=new_id(),
        project_id=call.project_id,
        creator_id=call.context.user_id,
        name=body.name or "",
        type=body.type,
        secrets=tuple(SecretRef(r.name or "", _secret(call, r)) for r in body.secret_refs),
    )
    _check(container)
    await call.controller.store.write(lambda tx: tx.put(container))
    return answer({"container_ref": ref(call, container.id)}, 201)


def _secret(call: Call, ref: RefBody) -> str:
    id = id_in(ref.secret_ref)
    secret = call.snapshot.get(Secret, id)
    if secret is None or not call.may_see(secret) or is_over(secret, call.now):
        raise not_found(f"secret {id}")
    return id


def _check(container: SecretContainer) -> None:
    names = [ref.name for ref in container.secrets]
    if len(set(names)) < len(names) or len({r.secret_id for r in container.secrets}) < len(names):
        raise bad_request("Duplicate reference names or secrets in 'secret_refs' are not allowed.")
    if container.type == "generic":
        return
    parts, needed = PARTS[container.type], NEEDED[container.type]
    if not set(needed) <= set(names) <= set(parts):
        raise bad_request(
            f"'secret_refs' of a container of type {container.type} have the names "
            f"{', '.join(parts)}; it must have: {', '.join(needed)}."
        )


async def show(call: Call) -> Response:
    return answer(view(call, call.find(SecretContainer)))


async def remove(call: Call) -> Response:
    """Its secrets stay."""
    container = call.find_own(SecretContainer, "Container deletion")
    await call.controller.store.write(lambda tx: tx.remove(container))
    return nothing()


async def list_all(call: Call) -> Response:
    asked = call.request.query_params
    own = call.snapshot.by(SecretContainer, "project", call.project_id)
    found = [
        c
        for c in sorted(own, key=lambda c: (c.created_at, c.id))
        if call.may_see(c)
        and asked.get("name", c.name) == c.name
        and asked.get("type", c.type) == c.type
    ]
    return answer(page(call, "containers", found, lambda c: view(call, c)))


def ref(call: Call, id: str) -> str:
    return call.url(f"/containers/{id}")


def view(call: Call, container: SecretContainer) -> dict[str, Any]:
    return {
        "container_ref": ref(call, container.id),
        "name": container.name or container.id,
        "type": container.type,
        "status": "ACTIVE",
        "creator_id": container.creator_id,
        "created": moment(container.created_at),
        "updated": moment(container.updated_at),
        "consumers": [],
        "secret_refs": [
            {"name": r.name, "secret_ref": secret_ref(call, r.secret_id)} for r in container.secrets
        ],
    }
