"""Kinds of values that Octavia has besides Neutron's, and the table of what its objects share.

A null stands for the default, in a POST as in a PUT (that is how clients unset). What comes into
HAProxy's configuration has no control characters.
"""

import re
from collections.abc import Mapping
from typing import Any

from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import Attribute, Table, shown, table
from polpo.api.network_v2.values import Kind

LONGEST = 255
_NAME = re.compile(r"[A-Za-z0-9!$%&*+.^_`|~-]+")


def optional(kind: Kind, default: Any, *, put: bool = True, field: str = "") -> Attribute:
    """May be left out or null: then it is the default."""

    def read(value: Any) -> Any:
        return default if value is None else kind.read(value)

    schema = {"anyOf": [kind.schema, {"type": "null"}]}
    nullable = Kind(read, schema, kind.query)
    return Attribute(kind=nullable, put=put, default=default, field=field)


def token() -> Kind:
    """The name of a header or a cookie (RFC 9110, `token`), less ' and #."""
    string = values.text(LONGEST)

    def read(value: Any) -> str:
        value = string.read(value)
        if not _NAME.fullmatch(value):
            raise ValueError(f"'{value}' is not a valid name")
        return str(value)

    return Kind(read, string.schema)


def printable(longest: int = LONGEST) -> Kind:
    """One line without control characters."""
    return values.not_blank(values.name(longest))


def url() -> Kind:
    """An absolute one, of http or https."""
    line = printable(LONGEST)

    def read(value: Any) -> str:
        value = line.read(value)
        if not re.fullmatch(r"https?://[^\s\"'\\]+", value):
            raise ValueError(f"'{value}' is not a valid URL")
        return str(value)

    return Kind(read, line.schema)


def url_path() -> Kind:
    line = printable(LONGEST)

    def read(value: Any) -> str:
        value = line.read(value)
        if not re.fullmatch(r"/[^\s\"'\\]*", value):
            raise ValueError(f"'{value}' is not a valid URL path")
        return str(value)

    return Kind(read, line.schema)


def port() -> Kind:
    return values.integer(1, 65535)


def octavia_table(name: str, attributes: Mapping[str, Attribute]) -> Table:
    """With what all objects have. Names and tags may be null, and tags be in any request."""
    shared = {
        "name": optional(values.name(), "", field="name"),
        "description": optional(values.text(LONGEST), "", field="description"),
        "admin_state_up": optional(values.boolean(), True, field="admin_state_up"),
        "tags": optional(values.list_of(values.name()), ()),
        "provisioning_status": shown(values.text()),
        "operating_status": shown(values.text()),
    }
    return table(name, {**shared, **attributes}, without=("revision_number",))


def standard(obj: Any) -> dict[str, Any]:
    """What all objects show, but for their statuses. Times as Octavia has them: without zone."""
    return {
        "id": obj.id,
        "name": obj.name,
        "description": obj.description,
        "project_id": obj.project_id,
        "tenant_id": obj.project_id,
        "admin_state_up": obj.admin_state_up,
        "created_at": obj.created_at.removesuffix("Z"),
        "updated_at": obj.updated_at.removesuffix("Z") if obj.revision_number else None,
        "tags": obj.tags,
    }


def ids(objects: Any) -> list[dict[str, str]]:
    """References as Octavia's lists have them."""
    return [{"id": id} for id in sorted(obj.id for obj in objects)]
