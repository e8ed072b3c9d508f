"""What an API server says, or that none does."""

from __future__ import annotations

import msgspec


class ApiError(Exception):
    """`status` is HTTP's, 0 if nobody answered; `reason` Kubernetes' word for it (`Conflict`).

    `retry_after_s` is how long the server asks to be left alone, 0 if it does not.
    """

    def __init__(
        self, status: int, message: str, reason: str = "", retry_after_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s


class Status(msgspec.Struct):
    """meta.k8s.io/v1 Status: what an error's body and a watch's ERROR event are."""

    code: int = 0
    reason: str = ""
    message: str = ""


_status = msgspec.json.Decoder(Status)


def from_body(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """Of an answer that is no success; proxies in between answer in other words."""
    try:
        said = _status.decode(body)
    except msgspec.MsgspecError:
        said = Status(message=body[:200].decode(errors="replace").strip())
    after_s = float(retry_after) if retry_after.isdigit() else 0.0
    return ApiError(status, said.message or f"HTTP {status}", said.reason, after_s)
