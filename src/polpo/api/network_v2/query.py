"""The query string of a list: filters, sort keys, page, fields (Neutron API reference, General)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from polpo.api.network_v2 import tags
from polpo.api.network_v2.attributes import Attribute, Table
from polpo.api.network_v2.errors import bad_request, bad_resource
from polpo.api.network_v2.resource import Filter, Reading, Resource, each

_PAGING = ("fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse")


class Query(msgspec.Struct, frozen=True):
    """`sorts` are (attribute, descending); `limit` 0 for everything."""

    asked: Mapping[str, list[str]]
    sorts: Sequence[tuple[str, bool]]
    fields: Sequence[str]
    limit: int
    marker: str
    reverse: bool


class Searchable(Protocol):
    """What a query may ask of a resource."""

    @property
    def table(self) -> Table: ...
    @property
    def filters(self) -> Mapping[str, Callable[[list[str]], list[Filter]]]: ...
    @property
    def taggable(self) -> bool: ...


def parse(resource: Searchable, text: str, page_limit: int) -> Query:
    """Raises Neutron's 400 for what the resource cannot be asked."""
    parameters: dict[str, list[str]] = {}
    for key, value in _pairs(text):
        parameters.setdefault(key, []).append(value)
    asked = {key: values for key, values in parameters.items() if key not in _PAGING}
    _check_filters(resource, asked)
    return Query(
        asked=asked,
        sorts=_sorts(resource, parameters),
        fields=[field for field in parameters.get("fields", []) if field],
        limit=_limit(parameters, page_limit),
        marker=_last(parameters, "marker"),
        reverse=_last(parameters, "page_reverse").lower() == "true",
    )


def fields(text: str) -> list[str]:
    """Those that a GET of one object asks for."""
    return [value for key, value in _pairs(text) if key == "fields" and value]


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=10_000)
    except ValueError as error:
        raise bad_request("Too many query parameters") from error


def _check_filters(resource: Searchable, asked: Iterable[str]) -> None:
    wrong = [key for key in asked if not _may_filter(resource, key)]
    if wrong:
        raise bad_request(f"{wrong} is invalid attribute for filtering")


def _may_filter(resource: Searchable, key: str) -> bool:
    if key in resource.filters or (resource.taggable and key in tags.FILTERS):
        return True
    attribute = resource.table.attributes.get(key)
    return attribute is not None and attribute.filter


def _sorts(resource: Searchable, parameters: Mapping[str, list[str]]) -> list[tuple[str, bool]]:
    keys = [key for key in parameters.get("sort_key", []) if key]
    directions = [way for way in parameters.get("sort_dir", []) if way]
    if len(keys) != len(directions):
        raise bad_request("The number of sort_keys and sort_dirs must be same")
    known = resource.table.attributes
    absent = [key for key in keys if key not in known or not known[key].sort]
    if absent:
        raise bad_request(f"{absent} is invalid attribute for sort_keys")
    wrong = [way for way in directions if way not in ("asc", "desc")]
    if wrong:
        raise bad_request(
            f"{wrong} is invalid value for sort_dirs, valid value is 'asc' and 'desc'"
        )
    return [(key, way == "desc") for key, way in zip(keys, directions, strict=True)]


def _limit(parameters: Mapping[str, list[str]], most: int) -> int:
    asked = _last(parameters, "limit") or "0"
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10):
        raise bad_resource("limit", f"Limit must be an integer 0 or greater and not '{asked}'")
    return min(int(asked), most) or most if most else int(asked)


def _last(parameters: Mapping[str, list[str]], key: str) -> str:
    return parameters[key][-1] if key in parameters else ""


def filters(resource: Resource, r: Reading, query: Query) -> list[Filter]:
    """The query's conditions, those that an index answers first."""
    found: list[Filter] = []
    for key, values in query.asked.items():
        if key in resource.filters:
            found += resource.filters[key](values)
        elif key in tags.FILTERS and resource.taggable:
            found.append(tags.FILTERS[key](values))
        else:
            found.append(_by_attribute(resource, r, key, values))
    return sorted(found, key=lambda f: not f.index)


def _by_attribute(resource: Resource, r: Reading, key: str, values: list[str]) -> Filter:
    attribute = resource.table.attributes[key]
    asked = [wanted(attribute, key, value) for value in values]
    if attribute.hidden and not r.context.is_admin:
        return Filter(lambda _objects: [])
    index = "id" if key == "id" else resource.indexes.get(_without_alias(key), "")
    if attribute.field:
        field = attribute.field
        return Filter(each(lambda obj: getattr(obj, field) in asked), index, values)
    return Filter(lambda objects: _shown_as(resource, r, key, asked, objects), index, values)


def _shown_as(
    resource: Resource, r: Reading, key: str, wanted: Sequence[Any], objects: Sequence[Any]
) -> list[Any]:
    """For what is computed: all at once, since some of the work is the same for all (`status`)."""
    views = resource.view(r, objects)
    return [o for o, view in zip(objects, views, strict=True) if view.get(key) in wanted]


def _without_alias(key: str) -> str:
    return "project_id" if key == "tenant_id" else key


def wanted(attribute: Attribute, key: str, value: str) -> Any:
    """The value of the attribute's own type; what cannot be one finds nothing."""
    if attribute.kind is None:
        return value
    try:
        return attribute.kind.query(value)
    except ValueError as error:
        raise bad_request(f"Invalid input for {key}. Reason: {error}.") from error
