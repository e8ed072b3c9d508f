"""Errors in Barbican's shape: `{"code", "title", "description"}`."""

import msgspec


class Refused(Exception):
    def __init__(self, status: int, title: str, description: str) -> None:
        super().__init__(description)
        self.status, self.title, self.description = status, title, description

    def body(self) -> bytes:
        return msgspec.json.encode(
            {"code": self.status, "title": self.title, "description": self.description}
        )


def bad_request(description: str) -> Refused:
    return Refused(400, "Bad Request", description)


def forbidden(action: str) -> Refused:
    text = f"{action} attempt not allowed - please review your user/project privileges"
    return Refused(403, "Forbidden", text)


def not_found(what: str) -> Refused:
    text = f"Not Found. Sorry but your {what} is in another castle."
    return Refused(404, "Not Found", text)


def not_allowed() -> Refused:
    return Refused(405, "Method Not Allowed", "The method is not allowed for this resource.")
