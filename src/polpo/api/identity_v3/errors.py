"""Refusals, with Keystone's status codes and words.

IdentityError
+-- BadRequest        400  a field is missing or wrong; the message names it
+-- Unauthenticated   401  no proof of who asks, or a wrong one; never says which
+-- Forbidden         403  known, but not allowed
+-- NotFound          404
+-- Conflict          409  a name is taken
+-- TooLarge          413
+-- TooManyAttempts   429  too many wrong passwords: wait `Retry-After` seconds
+-- Busy              503  more passwords to check than there is room to queue
"""

from http import HTTPStatus
from typing import ClassVar


class IdentityError(Exception):
    """`headers` go with the answer."""

    status: ClassVar[HTTPStatus]
    headers: dict[str, str] = {}

    def body(self) -> dict[str, object]:
        title = self.status.phrase
        return {"error": {"code": self.status.value, "message": str(self), "title": title}}


class BadRequest(IdentityError):
    status = HTTPStatus.BAD_REQUEST


class Unauthenticated(IdentityError):
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__("The request you have made requires authentication.")


class Forbidden(IdentityError):
    status = HTTPStatus.FORBIDDEN


class NotAllowed(Forbidden):
    """By policy; `action` as Keystone calls it, `identity:list_users`."""

    def __init__(self, action: str) -> None:
        super().__init__(f"You are not authorized to perform the requested action: {action}.")


class NotFound(IdentityError):
    status = HTTPStatus.NOT_FOUND

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"Could not find {kind.replace('_', ' ')}: {id}.")


class Conflict(IdentityError):
    status = HTTPStatus.CONFLICT

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"Conflict occurred attempting to store {kind} - {detail}.")


class TooLarge(IdentityError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyAttempts(IdentityError):
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many failed attempts to authenticate; try again later.")
        self.headers = {"Retry-After": str(retry_after_s)}


class Busy(IdentityError):
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("Too many requests to authenticate at once; try again.")
        self.headers = {"Retry-After": "1"}
