"""Request bodies into structs; what is missing or wrong is named, in Keystone's words."""

import re
from typing import Annotated, TypeVar

import msgspec

from polpo.api.identity_v3.errors import BadRequest

T = TypeVar("T")

NOT_UNDERSTOOD = (
    "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect. The client is assumed to be in error."
)
# Not blank, and without NUL, which PostgreSQL cannot keep.
_WORDS = r"^(?=\s*[^\s\x00])[^\x00]*\Z"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=_WORDS)]
ShortName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_WORDS)]
Text = Annotated[str, msgspec.Meta(max_length=65535)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]

_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_PLACE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def decode(raw: bytes) -> object:
    """JSON. Raises BadRequest."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The request body is not valid JSON. {NOT_UNDERSTOOD}") from error


def convert(body: object, into: type[T], inside: str = "request body") -> T:
    """`inside` is what the body is called in the message. Raises BadRequest."""
    try:
        return msgspec.convert(body, into)
    except msgspec.ValidationError as error:
        raise BadRequest(_words(str(error), inside)) from error


def member(body: object, name: str, into: type[T]) -> T:
    """The body's one member, `{"user": {...}}`, as a struct. Raises BadRequest."""
    if not isinstance(body, dict) or name not in body:
        raise missing(name, "request body")
    return convert(body[name], into, name)


def missing(field: str, place: str) -> BadRequest:
    return BadRequest(f"Expecting to find {field} in {place}. {NOT_UNDERSTOOD}")


def invalid(field: str, why: str) -> BadRequest:
    return BadRequest(f"Invalid input for field '{field}': {why}")


def extras(body: object, name: str, known: type[msgspec.Struct]) -> dict[str, object]:
    """What the user sent besides the fields we know: kept and shown as it came."""
    assert isinstance(body, dict)
    rest = {k: v for k, v in body[name].items() if k not in known.__struct_fields__}
    try:
        msgspec.json.encode(rest)
    except (OverflowError, ValueError) as error:
        raise invalid(name, "a number is out of range") from error
    return rest


def _words(message: str, inside: str) -> str:
    place = _PLACE.search(message)
    path = place["path"] if place else ""
    if absent := _MISSING.match(message):
        return str(missing(absent["field"], path.rpartition(".")[2] or inside))
    what = _PLACE.sub("", message)
    return str(invalid(path.replace(".", "/") or inside, what))
