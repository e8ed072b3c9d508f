"""Quotas over HTTP (Octavia API reference, "Quotas")."""

from typing import Any

from msgspec.structs import replace

from polpo.api.loadbalancer_v2 import quotas
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.network_v2 import values
from polpo.api.network_v2.collection import Answer, Call, item
from polpo.api.network_v2.errors import forbidden, not_found
from polpo.api.network_v2.resource import View, Writing
from polpo.model.load_balancer import BalancerQuota

LIMIT = values.integer(quotas.UNLIMITED)
ALIASES = {"load_balancer": "loadbalancer", "health_monitor": "healthmonitor"}
"""Octavia has two spellings of these, and shows both."""


async def list_all(call: Call) -> Answer:
    """Of the projects that have limits of their own, as far as they are the asker's to see."""
    snapshot, context = call.reading().snapshot, call.context
    own = sorted(snapshot.all(BalancerQuota), key=lambda quota: quota.id)
    seen = [q.id for q in own if context.is_admin or q.id == context.project_id]
    shown = [{**_view(call, id), "project_id": id} for id in seen]
    return 200, {"quotas": shown, "quotas_links": []}


async def show(call: Call, project_id: str) -> Answer:
    if project_id == "defaults":
        return 200, {"quota": _aliased(dict.fromkeys(quotas.COUNTED, quotas.UNLIMITED))}
    if project_id != call.context.project_id and not call.context.is_admin:
        raise forbidden("get_quota")
    return 200, {"quota": _view(call, project_id)}


async def defaults(call: Call, _project_id: str) -> Answer:
    return await show(call, "defaults")


async def update(call: Call, project_id: str) -> Answer:
    if not call.context.is_admin:
        raise forbidden("put_quota")
    given = _read(item("quota", call.body))

    def act(w: Writing) -> None:
        own = w.snapshot.get(BalancerQuota, project_id) or BalancerQuota(id=project_id)
        limits = {k: v for k, v in {**own.limits, **given}.items() if v is not None}
        w.tx.put(replace(own, limits=limits))

    await call.write(act)
    return 202, {"quota": _view(call, project_id)}


async def delete(call: Call, project_id: str) -> Answer:
    """Back to the defaults."""
    if not call.context.is_admin:
        raise forbidden("delete_quota")

    def act(w: Writing) -> None:
        own = w.snapshot.get(BalancerQuota, project_id)
        if own is None:
            raise not_found("NotFound", f"Quota {project_id} not found.")
        w.tx.remove(own)

    await call.write(act)
    return 204, None


def _view(call: Call, project_id: str) -> View:
    return _aliased(quotas.limits(call.reading().snapshot, project_id))


def _aliased(limits: dict[str, int]) -> View:
    return {**limits, **{alias: limits[key] for alias, key in ALIASES.items()}}


def _read(body: Any) -> dict[str, int | None]:
    """None: as by default."""
    if not isinstance(body, dict):
        raise invalid("quota must be an object.")
    given: dict[str, int | None] = {}
    for name, value in body.items():
        key = ALIASES.get(name, str(name))
        if name in ("project_id", "tenant_id"):
            continue
        if key not in quotas.COUNTED:
            raise invalid(f"Unknown quota {name}.")
        try:
            given[key] = None if value is None else LIMIT.read(value)
        except ValueError as error:
            raise invalid(f"{name}: {error}") from error
    return given
