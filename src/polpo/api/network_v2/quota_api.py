"""Quotas over HTTP (Neutron API reference, "Quotas extension")."""

from typing import Any

import msgspec

from polpo.api.network_v2 import quotas, values
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import NeutronError, bad_request, forbidden, not_found
from polpo.api.network_v2.resource import Writing
from polpo.model.sharing import Quota
from polpo.model.snapshot import Snapshot

LIMIT = values.integer(quotas.UNLIMITED)


async def list_all(call: Call) -> Answer:
    """Of the projects that have limits of their own."""
    if not call.context.is_admin:
        raise forbidden("get_quota")
    snapshot = call.reading().snapshot
    own = sorted(snapshot.all(Quota), key=lambda quota: quota.id)
    return 200, {"quotas": [_limits(call, snapshot, quota.id) for quota in own]}


async def show(call: Call, project_id: str) -> Answer:
    if project_id in ("tenant", "project"):  # asks who is asking; old clients do
        return 200, {project_id: {f"{project_id}_id": call.context.project_id}}
    _check_may_see(call, project_id)
    return 200, {"quota": _limits(call, call.reading().snapshot, project_id)}


async def defaults(call: Call, project_id: str) -> Answer:
    _check_may_see(call, project_id)
    known = {key: call.settings.quotas.get(key, quotas.UNLIMITED) for key in quotas.COUNTED}
    return 200, {"quota": {**known, "project_id": project_id}}


async def details(call: Call, project_id: str) -> Answer:
    _check_may_see(call, project_id)
    snapshot = call.reading().snapshot
    limits = quotas.limits(snapshot, call.settings.quotas, project_id)
    shown = {
        key: {"limit": limit, "used": quotas.used(snapshot, key, project_id), "reserved": 0}
        for key, limit in limits.items()
    }
    return 200, {"quota": shown}


async def update(call: Call, project_id: str) -> Answer:
    if not call.context.is_admin:
        raise forbidden("update_quota")
    given, force = _read(call.body)
    await call.write(lambda w: _set(w, project_id, given, force))
    return 200, {"quota": _limits(call, call.reading().snapshot, project_id)}


async def delete(call: Call, project_id: str) -> Answer:
    """Back to the cloud's defaults."""
    if not call.context.is_admin:
        raise forbidden("delete_quota")

    def act(w: Writing) -> None:
        own = w.snapshot.get(Quota, project_id)
        if own is None:
            raise not_found(
                "ProjectQuotaNotFound", f"Quota for project {project_id} could not be found."
            )
        w.tx.remove(own)

    await call.write(act)
    return 204, None


def _limits(call: Call, snapshot: Snapshot, project_id: str) -> dict[str, Any]:
    limits = quotas.limits(snapshot, call.settings.quotas, project_id)
    return {**limits, "project_id": project_id}


def _check_may_see(call: Call, project_id: str) -> None:
    if project_id != call.context.project_id and not call.context.is_admin:
        raise forbidden("get_quota")


def _read(body: Any) -> tuple[dict[str, int], bool]:
    """The limits of a PUT, and whether they may be below what is used."""
    if not isinstance(body, dict) or not isinstance(body.get("quota"), dict):
        raise bad_request("Unable to find 'quota' in request body")
    given = {k: v for k, v in body["quota"].items() if k not in _BESIDE}
    unknown = [key for key in given if key not in quotas.COUNTED]
    if unknown:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(sorted(unknown))}'")
    return {key: _limit(key, limit) for key, limit in given.items()}, (
        body["quota"].get("force") is True
    )


_BESIDE = ("project_id", "tenant_id", "force", "check_limit")


def _limit(key: str, limit: Any) -> int:
    try:
        return int(LIMIT.read(limit))
    except ValueError as error:
        raise bad_request(f"Invalid input for {key}. Reason: {error}.") from error


def _set(w: Writing, project_id: str, given: dict[str, int], force: bool) -> None:
    if not values.is_uuid(project_id):
        raise NeutronError(404, "HTTPNotFound", "The resource could not be found.")
    for key, limit in given.items():
        used = quotas.used(w.snapshot, key, project_id)
        if not force and 0 <= limit < used:
            raise bad_request(
                f"Quota limit {limit} for {key} must be greater than or equal to already used "
                f"{used}"
            )
    own = w.snapshot.get(Quota, project_id) or Quota(id=project_id)
    w.tx.put(msgspec.structs.replace(own, limits={**own.limits, **given}))
