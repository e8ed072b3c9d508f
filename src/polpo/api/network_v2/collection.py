"""The one handler of all resources: list, show, create (one or many), update, delete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from polpo.api.context import Context, Controller
from polpo.api.network_v2 import listing, query
from polpo.api.network_v2.attributes import read_create, read_update
from polpo.api.network_v2.errors import NeutronError, bad_request, bad_resource, forbidden
from polpo.api.network_v2.resource import Reading, Resource, View, Writing
from polpo.api.network_v2.settings import Settings
from polpo.store.transaction import Transaction


class Call(msgspec.Struct, frozen=True):
    """One request, read: who asks, what for, with which body (None: there is none)."""

    controller: Controller
    settings: Settings
    context: Context
    method: str
    query: str
    headers: Mapping[str, str]
    body: Any = None

    def reading(self) -> Reading:
        controller = self.controller
        return Reading(controller.store.snapshot, self.context, self.settings, controller.wiring)

    async def write(self, act: Callable[[Writing], Any]) -> Any:
        """Do this in a transaction, if the asker may write at all."""

        def run(tx: Transaction) -> Any:
            return act(Writing(tx, self.context, self.settings))

        return await self.controller.store.write(run)

    def if_match(self) -> int | None:
        """The revision number that the object must have (`If-Match: revision_number=7`)."""
        found = [part.strip().strip('"') for part in self.headers.get("if-match", "").split(",")]
        numbers = [f.removeprefix("revision_number=") for f in found if "revision_number=" in f]
        if len(numbers) > 1:
            raise bad_resource("if-match", "Multiple revision_number etags are not supported.")
        if not numbers:
            return None
        if not (numbers[0].isascii() and numbers[0].isdigit() and len(numbers[0]) < 10):
            raise bad_resource(
                "if-match", "Revision number etag must be in the format of revision_number=<int>"
            )
        return int(numbers[0])


Answer = tuple[int, Any]
"""Status and body; a body None for an answer without one."""


def render(resource: Resource, call: Call, objects: Sequence[Any]) -> list[View]:
    return resource.view(call.reading(), objects)


async def list_all(resource: Resource, call: Call) -> Answer:
    asked = query.parse(resource, call.query, call.settings.page_limit)
    reading = call.reading()
    page = listing.objects(resource, reading, asked)
    views = listing.only(resource.view(reading, page), asked.fields)
    answer: dict[str, Any] = {resource.collection: views}
    url = f"{call.controller.public_url}/networking/v2.0/{resource.path}"
    if links := listing.links(asked, url, call.query, page):
        answer[f"{resource.collection}_links"] = links
    return 200, answer


async def show(resource: Resource, call: Call, id: str) -> Answer:
    reading = call.reading()
    obj = resource.find(reading.snapshot, call.context, id)
    fields = query.fields(call.query)
    return 200, {resource.member: listing.only(resource.view(reading, [obj]), fields)[0]}


async def create(resource: Resource, call: Call) -> Answer:
    if resource.create is None:
        raise not_allowed()
    check_writer(resource, call.context, "create")
    bodies, many = _items(resource, call.body)
    given = [read_create(resource.table, body, call.context) for body in bodies]
    made = await call.write(lambda w: _create_all(w, resource, given))
    views = render(resource, call, made)
    return 201, {resource.collection: views} if many else {resource.member: views[0]}


def _create_all(w: Writing, resource: Resource, given: Sequence[dict[str, Any]]) -> list[Any]:
    """All of them, or none: whatever is raised undoes the transaction."""
    assert resource.create is not None
    if resource.check_together is not None:
        resource.check_together(w, given)
    made = [resource.create(w, dict(one)) for one in given]
    return [w.snapshot.get(resource.model, obj.id) for obj in made]


async def update(resource: Resource, call: Call, id: str) -> Answer:
    make = resource.update
    if make is None:
        raise not_allowed()
    given = read_update(resource.table, _item(resource, call.body), call.context)

    def act(w: Writing) -> Any:
        obj = to_change(resource, w, call, id, "update")
        made = make(w, obj, dict(given))
        return w.snapshot.get(resource.model, made.id)

    made = await call.write(act)
    return 200, {resource.member: render(resource, call, [made])[0]}


async def delete(resource: Resource, call: Call, id: str) -> Answer:
    remove = resource.delete
    if remove is None:
        raise not_allowed()
    await call.write(lambda w: remove(w, to_change(resource, w, call, id, "delete")))
    return 204, None


def to_change(resource: Resource, w: Writing, call: Call, id: str, verb: str) -> Any:
    """The object, if the asker may do this to it and it is at the revision that If-Match says."""
    obj = resource.find(w.snapshot, w.context, id)
    may = resource.may_delete if verb == "delete" else resource.may_update
    allowed = w.context.may_write and may(w.snapshot, w.context, obj)
    if not w.context.is_admin and not allowed:
        raise forbidden(f"{verb}_{resource.member}")
    wanted = call.if_match()
    if wanted is not None and obj.revision_number != wanted:
        raise NeutronError(
            412,
            "RevisionNumberConstraintFailed",
            f"Constrained to {wanted}, but current revision is {obj.revision_number}",
        )
    return obj


def check_writer(resource: Resource, context: Context, verb: str) -> None:
    if not context.may_write:
        raise forbidden(f"{verb}_{resource.member}")


def not_allowed() -> NeutronError:
    return NeutronError(405, "HTTPMethodNotAllowed", "The method is not allowed for this resource.")


def _items(resource: Resource, body: Any) -> tuple[list[Any], bool]:
    """The objects of a POST, and whether they came as a list."""
    if not isinstance(body, dict) or not body:
        raise bad_request("Resource body required" if not body else "Body contains invalid data")
    if resource.collection not in body:
        return [_item(resource, body)], False
    items = body[resource.collection]
    if not isinstance(items, list):
        raise bad_request("Body contains invalid data")
    if not items:
        raise bad_request("Resources required")
    return [_unwrapped(resource, item) for item in items], True


def _unwrapped(resource: Resource, item: Any) -> Any:
    """In a bulk an object may or may not be wrapped in its name."""
    return item[resource.member] if isinstance(item, dict) and resource.member in item else item


def _item(resource: Resource, body: Any) -> Any:
    return item(resource.member, body)


def item(member: str, body: Any) -> Any:
    """What a body holds by the name of one resource."""
    if not isinstance(body, dict) or not body:
        raise bad_request("Resource body required" if not body else "Body contains invalid data")
    if body.get(member) is None:
        raise bad_request(f"Unable to find '{member}' in request body")
    return body[member]
