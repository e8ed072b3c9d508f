"""A list: the objects that a query asks for and the asker may see, in order, page by page.

Conditions that an index answers find the candidates; the others are tried on the objects
themselves; JSON is made only of those that are on the page.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl, urlencode

from polpo.api.network_v2.query import Query, filters
from polpo.api.network_v2.resource import Filter, Reading, Resource, View

_by_id = attrgetter("id")


def objects(resource: Resource, r: Reading, query: Query) -> list[Any]:
    """What is on the page, in order."""
    conditions = filters(resource, r, query)
    found = list(_candidates(resource, r, conditions))
    for condition in conditions:
        found = condition.keep(found)
    return page(_sorted(resource, r, query, found), query)


def _candidates(resource: Resource, r: Reading, conditions: Sequence[Filter]) -> Iterable[Any]:
    if conditions and conditions[0].index:
        found = _indexed(resource, r, conditions[0])
        return [obj for obj in found if resource.may_see(r.snapshot, r.context, obj)]
    if r.context.is_admin:
        return r.snapshot.all(resource.model)
    return _seen(resource, r).values()


def _indexed(resource: Resource, r: Reading, condition: Filter) -> Iterable[Any]:
    """No object twice, however many of the values it has."""
    if condition.index == "id":
        by_id = (r.snapshot.get(resource.model, id) for id in set(condition.values))
        return [obj for obj in by_id if obj is not None]
    found: dict[str, Any] = {}
    for value in condition.values:
        for obj in r.snapshot.by(resource.model, condition.index, value):
            found[obj.id] = obj
    return found.values()


def _seen(resource: Resource, r: Reading) -> dict[str, Any]:
    """All that a project may see: its own, and others' that are shared with it."""
    own = r.snapshot.by(resource.model, "project", r.context.project_id)
    seen: dict[str, Any] = {obj.id: obj for obj in own}
    for id in resource.others(r.snapshot, r.context):
        obj = r.snapshot.get(resource.model, id)
        if obj is not None:
            seen[id] = obj
    return seen


def _sorted(resource: Resource, r: Reading, query: Query, found: list[Any]) -> list[Any]:
    """By the sort keys, then by id; nulls first, as Neutron's database has them."""
    found.sort(key=_by_id)
    for name, descending in reversed(query.sorts):
        field = resource.table.attributes[name].field
        if field:
            values = {obj.id: getattr(obj, field) for obj in found}
        else:
            values = {view["id"]: view.get(name) for view in resource.view(r, found)}
        found.sort(key=lambda obj: rank(values[obj.id]), reverse=descending)
    return found


def rank(value: Any) -> tuple[bool, Any]:
    return value is not None, value if value is not None else 0


def page(found: list[Any], query: Query) -> list[Any]:
    """After the marker; before it if the page is asked for in reverse."""
    if not query.limit:
        return found
    at = 0 if not query.reverse else len(found)
    if query.marker:
        here = next((i for i, obj in enumerate(found) if obj.id == query.marker), None)
        if here is None:
            return []
        at = here if query.reverse else here + 1
    if query.reverse:
        return found[max(at - query.limit, 0) : at]
    return found[at : at + query.limit]


def links(query: Query, url: str, text: str, page: Sequence[Any]) -> list[View]:
    """Where the neighbouring pages are, as Neutron says it: a full page may have a next one."""
    if not query.limit:
        return []
    full = len(page) >= query.limit
    answer = []
    if full or query.reverse:
        answer.append({"rel": "next", "href": _link(url, text, page[-1:], False)})
    if full or not query.reverse:
        answer.append({"rel": "previous", "href": _link(url, text, page[:1], True)})
    return answer


def _link(url: str, text: str, edge: Sequence[Any], reverse: bool) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    kept = [(k, v) for k, v in pairs if k not in ("marker", "page_reverse")]
    kept += [("marker", obj.id) for obj in edge]
    if reverse:
        kept.append(("page_reverse", "True"))
    return f"{url}?{urlencode(kept)}"


def only(views: list[View], fields: Sequence[str]) -> list[View]:
    """The views with just these attributes, all of them if none is named."""
    if not fields:
        return views
    wanted = [f for f in fields if views and f in views[0]]
    return [{key: view[key] for key in wanted if key in view} for view in views]
