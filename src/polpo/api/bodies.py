"""Requests' bodies, so large and no larger; what is said of others is each API's own."""

from starlette.requests import Request


class Larger(Exception):
    """Than the caller allows. Nothing more is read."""


async def read(request: Request, most: int) -> bytes:
    """`most`: bytes. Raises Larger."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise Larger
    return bytes(raw)
