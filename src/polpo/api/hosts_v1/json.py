"""JSON answers by msgspec: structs as they are."""

from typing import Any

import msgspec
from starlette.responses import Response

_encode = msgspec.json.encode


def answer(body: Any, code: int = 200) -> Response:
    return Response(_encode(body), code, media_type="application/json")
