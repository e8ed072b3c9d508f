"""Attribute tables: what a resource's JSON may hold, declared once and read as documentation.

From a table come the checks of a request's body (`read_create`, `read_update`), the filters and
sort keys of its collection, who may set what, and the OpenAPI document.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.network_v2 import values
from polpo.api.network_v2.errors import bad_request, forbidden
from polpo.api.network_v2.values import Kind


class Required:
    """No default: a POST must say it."""


REQUIRED = Required()


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """
    kind     how its value is read; None: shown only, never sent
    post, put  may be in such a request
    default  REQUIRED, or the value kept when a POST does not say; UNSET: left out
    admin    only the cloud's admin may set it
    owner    only the owner of the network that it is about may set it (or the admin)
    hidden   only the admin sees it
    filter, sort  may be in a query
    field    the model's field that has the same value, for quick filters; "" if it is computed
    """

    kind: Kind | None = None
    post: bool = True
    put: bool = True
    default: Any = msgspec.UNSET
    admin: bool = False
    owner: bool = False
    hidden: bool = False
    filter: bool = True
    sort: bool = True
    field: str = ""


def shown(kind: Kind | None = None, **options: Any) -> Attribute:
    """An attribute that only answers have; with a kind it may be filtered by."""
    return Attribute(kind=kind, post=False, put=False, **options)


class Table(msgspec.Struct, frozen=True):
    """The attributes of one resource, `name` as Neutron's policy calls it (`network`)."""

    name: str
    attributes: Mapping[str, Attribute]
    defaults: Mapping[str, Any]
    required: tuple[str, ...]


def table(name: str, attributes: Mapping[str, Attribute], without: Collection[str] = ()) -> Table:
    """With what every resource has: id, names, owner, description, times, revision."""
    standard = {key: a for key, a in _STANDARD.items() if key not in without}
    return _table(name, {**standard, **attributes})


def child_table(name: str, attributes: Mapping[str, Attribute]) -> Table:
    """Of what is a part of something else: it has an id, and all else from its parent."""
    return _table(name, {"id": _STANDARD["id"], **attributes})


def _table(name: str, every: Mapping[str, Attribute]) -> Table:
    posted = {key: a for key, a in every.items() if a.post}
    defaults = {
        key: a.default
        for key, a in posted.items()
        if a.default is not REQUIRED and a.default is not msgspec.UNSET
    }
    required = tuple(key for key, a in posted.items() if a.default is REQUIRED)
    return Table(name, every, defaults, required)


_TAGS = values.list_of(values.text(60))

_STANDARD: dict[str, Attribute] = {
    "id": shown(values.uuid(), field="id"),
    "name": Attribute(kind=values.name(), default="", field="name"),
    "description": Attribute(kind=values.text(255), default="", field="description"),
    "project_id": Attribute(kind=values.text(255), put=False, field="project_id"),
    "tenant_id": Attribute(kind=values.text(255), put=False, field="project_id"),
    "tags": shown(_TAGS, filter=False, sort=False),
    "created_at": shown(values.text(), field="created_at"),
    "updated_at": shown(values.text(), field="updated_at"),
    "revision_number": shown(values.integer(0), field="revision_number"),
}


def read_create(table: Table, body: Any, context: Context) -> dict[str, Any]:
    """The values of a POST, canonical and with defaults; `project_id` is always there."""
    given = _checked(table, body)
    project_id = _owner(given, context)
    read = _read_new(table, given, context)
    read.pop("tenant_id", None)
    read["project_id"] = project_id
    return read


def read_child(table: Table, body: Any, context: Context) -> dict[str, Any]:
    """The values of a POST of something that has no owner of its own."""
    return _read_new(table, _checked(table, body), context)


def _read_new(table: Table, given: Mapping[str, Any], context: Context) -> dict[str, Any]:
    for key in given:
        if not table.attributes[key].post:
            raise bad_request(f"Attribute '{key}' not allowed in POST")
    for key in table.required:
        if key not in given:
            raise bad_request(f"Failed to parse request. Required attribute '{key}' not specified")
    read = {**table.defaults, **_read(table, given)}
    _check_admin(table, "create", read, given, context)
    return read


def read_update(table: Table, body: Any, context: Context) -> dict[str, Any]:
    """The values of a PUT, canonical."""
    given = _checked(table, body)
    for key in given:
        if not table.attributes[key].put:
            raise bad_request(f"Cannot update read-only attribute {key}")
    read = _read(table, given)
    _check_admin(table, "update", read, given, context)
    return read


def guarded(table: Table, given: Mapping[str, Any]) -> list[str]:
    """The attributes among those given that only the network's owner may set."""
    attributes = table.attributes
    return [
        key
        for key, value in given.items()
        if key in attributes and attributes[key].owner and value != attributes[key].default
    ]


def _checked(table: Table, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise bad_request(f"Object '{table.name}' contains invalid data")
    unknown = [key for key in body if key not in table.attributes]
    if unknown:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(sorted(unknown))}'")
    return body


def _read(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    read = {}
    for key, value in given.items():
        kind = table.attributes[key].kind
        if kind is None:
            raise bad_request(f"Cannot update read-only attribute {key}")
        try:
            read[key] = kind.read(value)
        except ValueError as error:
            raise bad_request(f"Invalid input for {key}. Reason: {error}.") from error
    return read


def _owner(given: Mapping[str, Any], context: Context) -> str:
    """Whose a new object is: the asker's project, or another that an admin names."""
    named = given.get("project_id", given.get("tenant_id"))
    if named is None:
        if not context.project_id:
            raise bad_request(
                "Running without keystone AuthN requires that project_id is specified"
            )
        return context.project_id
    if given.get("tenant_id", named) != named:
        raise bad_request("'project_id' and 'tenant_id' do not match")
    if named != context.project_id and not context.is_admin:
        raise bad_request(
            "Specifying 'project_id' other than the authenticated project in request "
            "is not allowed for the current user."
        )
    return str(named)


def _check_admin(
    table: Table, verb: str, read: Mapping[str, Any], given: Iterable[str], context: Context
) -> None:
    """As in Neutron, saying the default in a POST needs no right."""
    if context.is_admin:
        return
    for key in given:
        attribute = table.attributes[key]
        if attribute.admin and (verb == "update" or read[key] != attribute.default):
            action = f"{verb}_{table.name}"
            raise forbidden(action, f"{action}:{key}")
