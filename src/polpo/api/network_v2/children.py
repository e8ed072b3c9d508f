"""Collections inside an object (`/floatingips/{id}/port_forwardings`): one handler for them all.

Their items are parts of the parent and kept in it: who may see the parent may see them, who may
change it may change them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from polpo.api.network_v2 import listing, query
from polpo.api.network_v2.attributes import Table, read_child, read_update
from polpo.api.network_v2.collection import Answer, Call, item, not_allowed
from polpo.api.network_v2.errors import forbidden, not_found
from polpo.api.network_v2.query import Query
from polpo.api.network_v2.resource import Filter, Resource, View, Writing
from polpo.model.snapshot import Snapshot


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """
    parent      the resource that holds them
    member, collection  keys of JSON bodies; the collection is also its name in URLs
    missing     error type and sentence for an id that is not there; may name `{parent}`
    of          the children of a parent
    view        one of them as JSON shows it
    create, update, delete  in a transaction; they store the parent anew
    """

    parent: Resource
    member: str
    collection: str
    table: Table
    missing: tuple[str, str]
    of: Callable[[Any], Sequence[Any]]
    view: Callable[[Any], View]
    create: Callable[[Writing, Any, dict[str, Any]], Any]
    update: Callable[[Writing, Any, Any, dict[str, Any]], Any]
    delete: Callable[[Writing, Any, Any], None]
    filters: Mapping[str, Callable[[list[str]], list[Filter]]] = {}
    taggable: bool = False

    def find(self, parent: Any, id: str) -> Any:
        for child in self.of(parent):
            if child.id == id:
                return child
        type, message = self.missing
        raise not_found(type, message.format(id=id, parent=parent.id))


async def handle_all(kind: Child, call: Call, parent_id: str) -> Answer:
    """GET all, POST one."""
    if call.method == "GET":
        return 200, _list(kind, call, parent_id)
    if call.method != "POST":
        raise not_allowed()
    given = read_child(kind.table, item(kind.member, call.body), call.context)

    def act(w: Writing) -> Any:
        return kind.create(w, _to_change(kind, w, parent_id, "create"), dict(given))

    return 201, {kind.member: kind.view(await call.write(act))}


async def handle_one(kind: Child, call: Call, parent_id: str, id: str) -> Answer:
    """GET, PUT, DELETE."""
    if call.method == "GET":
        parent = _find_parent(kind, call, call.reading().snapshot, parent_id)
        shown = [kind.view(kind.find(parent, id))]
        return 200, {kind.member: listing.only(shown, query.fields(call.query))[0]}
    if call.method == "PUT":
        return await _update(kind, call, parent_id, id)
    if call.method != "DELETE":
        raise not_allowed()

    def act(w: Writing) -> None:
        parent = _to_change(kind, w, parent_id, "delete")
        kind.delete(w, parent, kind.find(parent, id))

    await call.write(act)
    return 204, None


async def _update(kind: Child, call: Call, parent_id: str, id: str) -> Answer:
    given = read_update(kind.table, item(kind.member, call.body), call.context)

    def act(w: Writing) -> Any:
        parent = _to_change(kind, w, parent_id, "update")
        return kind.update(w, parent, kind.find(parent, id), dict(given))

    return 200, {kind.member: kind.view(await call.write(act))}


def _find_parent(kind: Child, call: Call, snapshot: Snapshot, id: str) -> Any:
    return kind.parent.find(snapshot, call.context, id)


def _to_change(kind: Child, w: Writing, parent_id: str, verb: str) -> Any:
    """The parent, if the asker may change what it holds."""
    parent = kind.parent.find(w.snapshot, w.context, parent_id)
    allowed = w.context.may_write and kind.parent.may_update(w.snapshot, w.context, parent)
    if not w.context.is_admin and not allowed:
        raise forbidden(f"{verb}_{kind.parent.member}_{kind.member}")
    return parent


def _list(kind: Child, call: Call, parent_id: str) -> View:
    asked = query.parse(kind, call.query, call.settings.page_limit)
    parent = _find_parent(kind, call, call.reading().snapshot, parent_id)
    page = listing.page(_found(kind, parent, asked), asked)
    views = listing.only([kind.view(child) for child in page], asked.fields)
    answer: View = {kind.collection: views}
    path = f"{kind.parent.path}/{parent_id}/{kind.collection}"
    url = f"{call.controller.public_url}/networking/v2.0/{path}"
    if links := listing.links(asked, url, call.query, page):
        answer[f"{kind.collection}_links"] = links
    return answer


def _found(kind: Child, parent: Any, asked: Query) -> list[Any]:
    """Those that the query asks for, in its order."""
    children = sorted(kind.of(parent), key=lambda child: str(child.id))
    shown = {child.id: kind.view(child) for child in children}
    for key, values in asked.asked.items():
        attribute = kind.table.attributes[key]
        wanted = [query.wanted(attribute, key, value) for value in values]
        children = [child for child in children if shown[child.id].get(key) in wanted]
    for name, descending in reversed(asked.sorts):
        ranks = {id: listing.rank(view[name]) for id, view in shown.items()}
        children.sort(key=lambda child: ranks[child.id], reverse=descending)
    return children
