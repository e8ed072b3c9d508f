"""Names of the DNS as attribute values (neutron-lib `api/validators/dns`; RFC 1123, 2.1)."""

import re
from typing import Any

from polpo.api.network_v2.values import Kind, text

LONGEST = 255
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_TEXT = text(LONGEST)


def host_name() -> Kind:
    """One name or several with dots between; lower case; empty or null for none."""

    def read(value: Any) -> str:
        name = "" if value is None else str(_TEXT.read(value)).lower()
        _check(name)
        return name

    return Kind(read, {"anyOf": [_TEXT.schema, {"type": "null"}]}, str.lower)


def domain() -> Kind:
    """Fully qualified: it ends with a dot; empty or null for none."""

    def read(value: Any) -> str:
        name = "" if value is None else str(_TEXT.read(value)).lower()
        if name and not name.endswith("."):
            raise ValueError(f"'{name}' is not a FQDN")
        _check(name)
        return name

    return Kind(read, {"anyOf": [_TEXT.schema, {"type": "null"}]}, str.lower)


def _check(name: str) -> None:
    labels = name.removesuffix(".").split(".") if name else []
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"'{name}' not a valid PQDN or FQDN")
    if len(labels) > 1 and labels[-1].isdigit():
        raise ValueError(
            f"'{name}' not a valid PQDN or FQDN. Reason: TLD '{labels[-1]}' must not be all numeric"
        )
