"""Tags: words that users put on resources, and lists filtered by them (Neutron `tagging`)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from polpo.api.network_v2.errors import bad_resource, invalid, not_found
from polpo.api.network_v2.resource import Filter, Resource, Writing, each
from polpo.api.network_v2.values import list_of, text

LONGEST, MOST = 255, 50

_TAG = text(LONGEST)
_TAGS = list_of(_TAG)


def read_all(body: Any) -> tuple[str, ...]:
    """The body of PUT and POST `.../tags`."""
    if not isinstance(body, dict) or "tags" not in body:
        raise invalid("Invalid tags body")
    try:
        tags: tuple[str, ...] = _TAGS.read(body["tags"])
    except ValueError as error:
        raise invalid(str(error)) from error
    return tags


def read_one(tag: str) -> str:
    try:
        return str(_TAG.read(tag))
    except ValueError as error:
        raise invalid(str(error)) from error


def put(w: Writing, resource: Resource, obj: Any, tags: Iterable[str]) -> Any:
    """Store the object with just these tags; untouched if it has them already."""
    wanted = tuple(sorted(set(tags)))
    if len(wanted) > MOST:
        raise bad_resource(
            resource.collection, f"The number of tags exceed the per-resource limit of {MOST}"
        )
    if wanted == tuple(sorted(obj.tags)):
        return obj
    return w.tx.put(msgspec.structs.replace(obj, tags=wanted))


def check_has(obj: Any, tag: str) -> None:
    if tag not in obj.tags:
        raise not_found("TagNotFound", f"Tag {tag} could not be found.")


def _asked(values: Iterable[str]) -> frozenset[str]:
    return frozenset(tag for value in values for tag in value.split(",") if tag)


def _all(values: list[str]) -> Filter:
    asked = _asked(values)
    return Filter(each(lambda obj: asked.issubset(obj.tags)))


def _any(values: list[str]) -> Filter:
    asked = _asked(values)
    return Filter(each(lambda obj: not asked.isdisjoint(obj.tags)))


def _not_all(values: list[str]) -> Filter:
    asked = _asked(values)
    return Filter(each(lambda obj: not asked.issubset(obj.tags)))


def _not_any(values: list[str]) -> Filter:
    asked = _asked(values)
    return Filter(each(lambda obj: asked.isdisjoint(obj.tags)))


FILTERS: Mapping[str, Callable[[list[str]], Filter]] = {
    "tags": _all,
    "tags-any": _any,
    "not-tags": _not_all,
    "not-tags-any": _not_any,
}
