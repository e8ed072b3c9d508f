"""/v3/projects/{id}/tags: words put on projects to find them by."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from starlette.responses import Response

from polpo.api.identity_v3.call import Call, answer, empty
from polpo.api.identity_v3.errors import NotFound
from polpo.api.identity_v3.fields import convert, invalid
from polpo.api.identity_v3.listing import found
from polpo.model.identity import Project

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^,/]*\Z")]
Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=80)]


class _Body(msgspec.Struct):
    tags: Tags


async def list_project_tags(call: Call) -> Response:
    return _answer(call, _project(call))


async def update_project_tags(call: Call) -> Response:
    tags = convert(await call.body(), _Body).tags
    check_tags(tags)
    return _answer(call, await _put(call, tags))


async def delete_project_tags(call: Call) -> Response:
    await _put(call, ())
    return empty()


async def get_project_tag(call: Call) -> Response:
    _has(call)
    return empty()


async def create_project_tag(call: Call) -> Response:
    tags = tuple(dict.fromkeys((*_project(call).tags, call.part("tag"))))
    check_tags(convert({"tags": tags}, _Body).tags)
    await _put(call, tags)
    return empty(201)


async def delete_project_tag(call: Call) -> Response:
    tag = _has(call)
    await _put(call, tuple(t for t in _project(call).tags if t != tag))
    return empty()


def check_tags(tags: tuple[str, ...]) -> None:
    """Raises BadRequest."""
    if len(set(tags)) != len(tags):
        raise invalid("tags", "has non-unique elements")


def tagged(call: Call, projects: Iterable[Project]) -> list[Project]:
    """By the query's tags (all of), tags-any, not-tags (not all of) and not-tags-any."""
    asked = {n: call.query(n) for n in ("tags", "tags-any", "not-tags", "not-tags-any")}
    wanted = {n: set(v.split(",")) for n, v in asked.items() if v}
    return [p for p in projects if _fits(set(p.tags), wanted)]


def _fits(tags: set[str], wanted: dict[str, set[str]]) -> bool:
    return (
        wanted.get("tags", set()) <= tags
        and ("tags-any" not in wanted or bool(wanted["tags-any"] & tags))
        and ("not-tags" not in wanted or not wanted["not-tags"] <= tags)
        and not wanted.get("not-tags-any", set()) & tags
    )


def _project(call: Call) -> Project:
    return found(call.snapshot, Project, call.part("project_id"))


def _has(call: Call) -> str:
    tag = call.part("tag")
    if tag not in _project(call).tags:
        raise NotFound("project tag", tag)
    return tag


async def _put(call: Call, tags: tuple[str, ...]) -> Project:
    id = call.part("project_id")

    def replace(project: Project) -> Project:
        return msgspec.structs.replace(project, tags=tags)

    return await call.write(lambda tx: tx.put(replace(found(tx.snapshot, Project, id))))


def _answer(call: Call, project: Project) -> Response:
    links = {"self": call.url(f"/projects/{project.id}/tags")}
    return answer({"tags": list(project.tags), "links": links})
