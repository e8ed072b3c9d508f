"""Requests' bodies: so large and no larger, and JSON of the shape that is wanted."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from polpo.api import bodies
from polpo.api.hosts_v1.errors import Refused

T = TypeVar("T")

LARGEST_BYTES = 64 << 20
"""What hundreds of large Services take; whoever has a token may have us keep so much at a time."""


async def body_of(request: Request, most: int = LARGEST_BYTES) -> bytes:
    """Raises Refused: 413."""
    try:
        return await bodies.read(request, most)
    except bodies.Larger:
        raise Refused(413, f"The body is larger than {most} bytes.") from None


def decoded(text: bytes, cls: type[T]) -> T:
    """Raises Refused: 400."""
    try:
        return msgspec.json.decode(text, type=cls)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, str(error)) from error
