"""Refusals, as they are answered: `{"error": {"code", "title", "message"}}` (Keystone's form)."""

from http import HTTPStatus

from starlette.responses import Response

from polpo.api.hosts_v1.json import answer


class Refused(Exception):
    """`code` is HTTP's; `message` is for a person."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def refusal(error: Refused, **more: object) -> Response:
    title = HTTPStatus(error.code).phrase
    body = {"code": error.code, "title": title, "message": error.message} | more
    return answer({"error": body}, error.code)
