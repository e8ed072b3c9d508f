"""One request: who asks, what they sent, what they may see; and the answer's form."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api import bodies
from polpo.api.context import Context, Controller
from polpo.api.secrets_v1.errors import Refused, bad_request, forbidden, not_found
from polpo.api.secrets_v1.sealing import Seal
from polpo.model.secret import Guarded, Secret, SecretContainer
from polpo.model.snapshot import Snapshot

G = TypeVar("G", bound=Guarded)
T = TypeVar("T")

LARGEST_BODY_BYTES = 64_000
NAMES: Mapping[type[Guarded], str] = {Secret: "secret", SecretContainer: "container"}


class Call(msgspec.Struct, frozen=True):
    controller: Controller
    seal: Seal
    request: Request
    context: Context
    now: str

    @property
    def snapshot(self) -> Snapshot:
        return self.controller.store.snapshot

    @property
    def project_id(self) -> str:
        return self.context.project_id

    def url(self, path: str) -> str:
        return f"{self.controller.public_url}/key-manager/v1{path}"

    def check_writer(self, action: str) -> None:
        """Whoever may write in the project; without a project there is nowhere to keep it."""
        if not self.context.may_write or not self.project_id:
            raise forbidden(action)

    def find(self, kind: type[G]) -> G:
        """What the path names, if it is the asker's to see. Raises Barbican's Not Found."""
        obj = self.snapshot.get(kind, self.request.path_params["id"])
        if obj is None or not self.may_see(obj) or is_over(obj, self.now):
            raise not_found(NAMES[kind])
        return obj

    def find_own(self, kind: type[G], action: str) -> G:
        """The same, to be changed or removed: by the writers of its own project. Who has been let
        in to read it is of another one.
        """
        self.check_writer(action)
        obj = self.find(kind)
        if obj.project_id != self.project_id:
            raise forbidden(action)
        return obj

    def may_see(self, obj: Guarded) -> bool:
        """The cloud's admin sees no more than others: what is secret is its project's. So whoever
        has made it sees it as long as they are of the project.
        """
        user = self.context.user_id
        if user in obj.readers:
            return True
        own = obj.project_access or user == obj.creator_id
        return own and obj.project_id == self.project_id

    async def body(self) -> bytes:
        try:
            return await bodies.read(self.request, LARGEST_BODY_BYTES)
        except bodies.Larger:
            title = "Request Entity Too Large"
            raise Refused(413, title, "The body is too large.") from None

    async def read(self, into: type[T], schema: str) -> T:
        """The body as a struct; what is wrong with it is named."""
        try:
            return msgspec.json.decode(await self.body(), type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            text = f"Provided object does not match schema '{schema}': {error}."
            raise bad_request(text) from error

    def whole_number(self, name: str, usual: int, most: int) -> int:
        """Of the query; Barbican takes its own for what is none."""
        text = self.request.query_params.get(name, "")
        return min(int(text), most) if text.isascii() and text.isdigit() else usual


def is_over(obj: Guarded, now: str) -> bool:
    return isinstance(obj, Secret) and "" < obj.expiration <= now


def answer(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def nothing(status: int = 204) -> Response:
    return Response(status_code=status)


def moment(at: str) -> str | None:
    """A time as Barbican writes it: of UTC, and no Z that says so (gophercloud reads none)."""
    return at.removesuffix("Z") or None
