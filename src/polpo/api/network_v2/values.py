"""Kinds of attribute values: how each is read from JSON, checked, and made canonical.

A kind's `read` answers with the value to keep, or raises ValueError with the reason in Neutron's
words (neutron-lib `api/validators`, `api/converters`). `query` reads it from a query string.
`schema` is the same for the OpenAPI document.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import msgspec

Schema = dict[str, Any]

LARGEST_INT = (1 << 31) - 1
"""Neutron's integers are 32 bits wide in its database."""

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")


class Kind(msgspec.Struct, frozen=True):
    """One kind of value."""

    read: Callable[[Any], Any]
    schema: Schema
    query: Callable[[str], Any] = str


def text(max_length: int | None = None) -> Kind:
    """Any string; NUL is refused, for a database cannot keep it."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"'{value}' is not a valid string")
        if max_length is not None and len(value) > max_length:
            raise ValueError(f"'{value}' exceeds maximum length of {max_length}")
        return value

    limit = {"maxLength": max_length} if max_length is not None else {}
    return Kind(read, {"type": "string", **limit})


def name(max_length: int = 255) -> Kind:
    """A string of printable characters that neither begins nor ends with a space."""
    string = text(max_length)

    def read(value: Any) -> str:
        value = string.read(value)
        if not value.isascii() or not value.isprintable() or value != value.strip():
            _check_printable(value)
        return str(value)

    return Kind(read, string.schema)


def _check_printable(value: str) -> None:
    categories = [unicodedata.category(c) for c in value]
    printable = all(c[0] != "C" and (c[0] != "Z" or c == "Zs") for c in categories)
    if not printable or (value and "Zs" in (categories[0], categories[-1])):
        raise ValueError(f"'{value}' is not a valid string")


def not_blank(inner: Kind) -> Kind:
    def read(value: Any) -> Any:
        value = inner.read(value)
        if not value.strip():
            raise ValueError(f"'{value}' Blank strings are not permitted")
        return value

    return Kind(read, {**inner.schema, "minLength": 1}, inner.query)


def boolean() -> Kind:
    """True, false, and the words and digits that Neutron takes for them."""

    def read(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError(f"'{value}' cannot be converted to boolean")

    return Kind(read, {"type": "boolean"}, read)


def integer(low: int = -LARGEST_INT, high: int = LARGEST_INT) -> Kind:
    def read(value: Any) -> int:
        number = _whole(value)
        if number < low:
            raise ValueError(f"'{value}' is too small - must be at least '{low}'")
        if number > high:
            raise ValueError(f"'{value}' is too large - must be no larger than '{high}'")
        return number

    return Kind(read, {"type": "integer", "minimum": low, "maximum": high}, _whole)


def _whole(value: Any) -> int:
    """Neutron takes "7" for 7; a string of a million digits is not worth the time."""
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)[:20]) > 19:
        raise ValueError(f"'{str(value)[:64]}' is not an integer")
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(f"'{value}' is not an integer") from error


def one_of(*allowed: Any, query: Callable[[str], Any] = str) -> Kind:
    def read(value: Any) -> Any:
        for known in allowed:
            if type(value) is type(known) and value == known:
                return value
        raise ValueError(f"{value} is not in {list(allowed)}")

    return Kind(read, {"enum": list(allowed)}, query)


def lower(inner: Kind) -> Kind:
    """Written in any case, kept in lower case."""

    def read(value: Any) -> Any:
        return inner.read(value.lower() if isinstance(value, str) else value)

    return Kind(read, inner.schema, str.lower)


def port_range() -> Kind:
    """`first:last` or one port, kept as `first:last`."""
    port = integer(1, 65535)

    def read(value: Any) -> str:
        first, colon, last = str(value).partition(":")
        low = port.read(first)
        high = port.read(last) if colon else low
        if low > high:
            raise ValueError("First port in a port range must be lower than the second port")
        return f"{low}:{high}"

    return Kind(read, {"type": "string"})


def uuid() -> Kind:
    """As text, with or without dashes."""

    def read(value: Any) -> str:
        if not is_uuid(value):
            raise ValueError(f"'{value}' is not a valid UUID")
        return str(value)

    return Kind(read, {"type": "string", "format": "uuid"})


def is_uuid(value: Any) -> bool:
    if not isinstance(value, str) or len(value) not in (32, 36):
        return False
    try:
        return UUID(value).hex == value.replace("-", "").lower()
    except ValueError:
        return False


def address() -> Kind:
    """An IPv4 or IPv6 address, IPv6 in its short form."""
    return Kind(_address, {"type": "string"})


def _address(value: Any) -> str:
    try:
        if isinstance(value, str) and "%" not in value:
            return str(ip_address(value))
    except ValueError:
        pass
    raise ValueError(f"'{value}' is not a valid IP address")


def prefix() -> Kind:
    """`address/length`; host bits are cleared."""
    return Kind(_prefix, {"type": "string"})


def _prefix(value: Any) -> str:
    try:
        if isinstance(value, str) and "/" in value and "%" not in value:
            address, _, length = value.partition("/")
            if length.isascii() and length.isdigit():
                return str(ip_network(f"{address}/{length}", strict=False))
    except ValueError:
        pass
    raise ValueError(f"'{value}' is not a valid IP subnet")


def address_or_prefix() -> Kind:
    """An address is kept as an address, a prefix as a prefix with its host bits cleared."""

    def read(value: Any) -> str:
        try:
            return _prefix(value) if isinstance(value, str) and "/" in value else _address(value)
        except ValueError as error:
            raise ValueError(
                f"'{value}' is neither a valid IP address, nor is it a valid IP subnet"
            ) from error

    return Kind(read, {"type": "string"})


def unicast() -> Kind:
    """An address or a prefix that one may send from."""
    either = address_or_prefix()

    def read(value: Any) -> str:
        read: str = either.read(value)
        if ip_network(read).is_multicast:
            raise ValueError(f"IP {value} is a multicast address, which is not supported")
        return read

    return Kind(read, either.schema)


def mac() -> Kind:
    """A unicast MAC, in lower case with colons."""

    def read(value: Any) -> str:
        text = _mac_text(value)
        if not _MAC.fullmatch(text) or text == "00:00:00:00:00:00":
            raise ValueError(f"'{value}' is not a valid MAC address")
        return text

    return Kind(read, {"type": "string"}, _mac_text)


def _mac_text(value: Any) -> str:
    digits = re.sub(r"[:.\-]", "", str(value)).lower()
    if len(digits) != 12:
        return str(value).lower()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def nullable(inner: Kind) -> Kind:
    def read(value: Any) -> Any:
        return None if value is None else inner.read(value)

    return Kind(read, {"anyOf": [inner.schema, {"type": "null"}]}, inner.query)


def list_of(inner: Kind, *, unique: bool = True, null_is_empty: bool = False) -> Kind:
    """A list, kept as a tuple."""

    def read(value: Any) -> tuple[Any, ...]:
        if value is None and null_is_empty:
            return ()
        if not isinstance(value, list):
            raise ValueError(f"'{value}' is not a list")
        items = tuple(inner.read(item) for item in value)
        if unique:
            _check_unique(items)
        return items

    schema = {"type": "array", "items": inner.schema}
    return Kind(read, {"anyOf": [schema, {"type": "null"}]} if null_is_empty else schema)


def _check_unique(items: Sequence[Any]) -> None:
    seen: list[Any] = []
    known = set[str]()
    for item in items:
        if repr(item) in known:
            seen.append(item)
        known.add(repr(item))
    if seen:
        raise ValueError(f"Duplicate items in the list: '{', '.join(str(s) for s in seen)}'")


def record(required: dict[str, Kind], optional: dict[str, Kind] | None = None) -> Kind:
    """An object with these members and no others, kept as a dictionary."""
    known = {**required, **(optional or {})}

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(
                f"Invalid input. '{value}' must be a dictionary with keys: {sorted(known)}"
            )
        if not set(required) <= set(value) <= set(known):
            raise ValueError(
                "Validation of dictionary's keys failed. "
                f"Expected keys: {sorted(known)} Provided keys: {sorted(map(str, value))}"
            )
        return {key: known[key].read(item) for key, item in value.items()}

    properties = {key: kind.schema for key, kind in known.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Kind(read, {**schema, "additionalProperties": False})
