"""Which kinds the API server has of a group: definitions (CRDs) may come at any time."""

from __future__ import annotations

import msgspec

from polpo.kube.client import Client
from polpo.kube.errors import ApiError


class _Kind(msgspec.Struct, frozen=True):
    name: str


class _Kinds(msgspec.Struct, frozen=True):
    resources: tuple[_Kind, ...] = ()


async def served(client: Client, group: str, version: str) -> set[str] | None:
    """Plurals of the kinds; None if nobody could be asked."""
    try:
        body = await client.call("GET", f"/apis/{group}/{version}")
    except ApiError as error:
        return set() if error.status == 404 else None
    return {kind.name for kind in msgspec.json.decode(body, type=_Kinds).resources}
