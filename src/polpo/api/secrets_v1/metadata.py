"""What users note about a secret, by key (Barbican API v1, "Secret Metadata API")."""

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from polpo.api.secrets_v1.call import Call, answer
from polpo.api.secrets_v1.errors import not_found
from polpo.model.secret import Secret

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*\Z")]
Value = Annotated[str, msgspec.Meta(max_length=4096, pattern=r"^[^\x00]*\Z")]


class MetadataBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    metadata: Annotated[dict[Key, Value], msgspec.Meta(max_length=100)]


async def show(call: Call) -> Response:
    return answer({"metadata": call.find(Secret).metadata})


async def update(call: Call) -> Response:
    """In the place of what there is."""
    secret = call.find_own(Secret, "Secret metadata update")
    noted = {key.lower(): value for key, value in (await _body(call)).items()}

    def act(tx: Any) -> None:
        """Beside what has become of it while the body came: who may read it, its payload."""
        now = tx.snapshot.get(Secret, secret.id)
        if now is None:
            raise not_found("secret")
        tx.put(replace(now, metadata=noted))

    await call.controller.store.write(act)
    return answer({"metadata_ref": call.url(f"/secrets/{secret.id}/metadata")}, 201)


async def _body(call: Call) -> dict[str, str]:
    return (await call.read(MetadataBody, "SecretMetadata")).metadata
