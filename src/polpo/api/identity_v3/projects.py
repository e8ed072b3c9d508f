"""/v3/projects: who owns things."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from polpo.api.identity_v3.bootstrap import new_id
from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.errors import BadRequest
from polpo.api.identity_v3.fields import ShortName, Text, extras, invalid, member
from polpo.api.identity_v3.listing import filtered, found, listing
from polpo.api.identity_v3.options import check_options
from polpo.api.identity_v3.project_tags import Tags, check_tags, tagged
from polpo.api.identity_v3.removal import remove_project
from polpo.model.identity import Domain, Project
from polpo.store.transaction import Transaction


class _New(msgspec.Struct):
    name: ShortName
    domain_id: str | None = None
    description: Text | None = None
    enabled: bool = True
    tags: Tags = ()
    parent_id: str | None = None
    is_domain: bool = False
    options: dict[str, Any] = {}


class _Change(msgspec.Struct):
    name: ShortName | UnsetType = UNSET
    domain_id: str | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    parent_id: str | UnsetType | None = UNSET
    is_domain: bool | UnsetType = UNSET
    options: dict[str, Any] = {}


async def list_projects(call: Call) -> Response:
    return list_of(call, call.snapshot.all(Project))


async def get_project(call: Call) -> Response:
    project = found(call.snapshot, Project, call.part("project_id"))
    return answer({"project": project_view(call, project)})


async def create_project(call: Call) -> Response:
    body = await call.body()
    new = member(body, "project", _New)
    check_options(new.options)
    check_tags(new.tags)
    domain_id = new.domain_id or call.caller.context.domain_id
    if new.is_domain:
        raise invalid("is_domain", "make domains at /v3/domains")
    _check_parent(new.parent_id, domain_id)
    project = Project(
        id=new_id(),
        name=new.name,
        domain_id=domain_id,
        description=new.description or "",
        enabled=new.enabled,
        tags=new.tags,
        extra=extras(body, "project", _New),
    )

    def act(tx: Transaction) -> Project:
        if tx.snapshot.get(Domain, domain_id) is None:
            raise BadRequest(f"Could not find domain: {domain_id}.")
        return tx.put(project)

    return answer({"project": project_view(call, await call.write(act))}, 201)


async def update_project(call: Call) -> Response:
    body = await call.body()
    change = member(body, "project", _Change)
    check_options(change.options)
    if change.tags is not UNSET:
        check_tags(change.tags)
    extra, id = extras(body, "project", _Change), call.part("project_id")

    def act(tx: Transaction) -> Project:
        return tx.put(_changed(found(tx.snapshot, Project, id), change, extra))

    return answer({"project": project_view(call, await call.write(act))})


async def delete_project(call: Call) -> Response:
    id = call.part("project_id")
    await call.write(lambda tx: remove_project(tx, found(tx.snapshot, Project, id)))
    return empty()


def project_view(call: Call, project: Project) -> dict[str, object]:
    return {
        **project.extra,
        "id": project.id,
        "name": project.name,
        "domain_id": project.domain_id,
        "description": project.description,
        "enabled": project.enabled,
        "parent_id": project.domain_id,
        "is_domain": False,
        "tags": list(project.tags),
        "options": {},
        "links": {"self": call.url(f"/projects/{project.id}")},
    }


def list_of(call: Call, projects: Iterable[Project]) -> Response:
    if call.query("is_domain") not in (None, "false", "False", "0"):
        return listing(call, "projects", [])  # domains are not projects here
    chosen = filtered(call, tagged(call, projects), "name", "domain_id", "enabled", "id")
    parent = call.query("parent_id")
    shown = [p for p in chosen if parent is None or parent == p.domain_id]
    return listing(call, "projects", [project_view(call, p) for p in shown])


def _check_parent(parent_id: str | None, domain_id: str) -> None:
    if parent_id not in (None, domain_id):
        raise invalid("parent_id", "projects within projects are not supported")


def _changed(project: Project, change: _Change, extra: dict[str, object]) -> Project:
    if change.domain_id not in (UNSET, project.domain_id):
        raise invalid("domain_id", "cannot change Domain ID")
    if change.is_domain is True:
        raise invalid("is_domain", "cannot be changed")
    if change.parent_id is not UNSET:
        _check_parent(change.parent_id, project.domain_id)
    wanted = {n: getattr(change, n) for n in ("name", "description", "enabled", "tags")}
    values = {n: v for n, v in wanted.items() if v is not UNSET}
    if change.description is None:
        values["description"] = ""
    return msgspec.structs.replace(project, **values, extra={**project.extra, **extra})
