"""What one resource of the API is, so that one handler serves them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from polpo.api.context import Context, Wiring
from polpo.api.network_v2.attributes import Table
from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.settings import Settings
from polpo.model.object import Object
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction

T = TypeVar("T", bound=Object)

View = dict[str, Any]
"""An object as JSON shows it."""


class Reading(msgspec.Struct, frozen=True):
    """What an answer is made of: one state of everything, and who asks."""

    snapshot: Snapshot
    context: Context
    settings: Settings
    wiring: Wiring


class Writing(msgspec.Struct, frozen=True):
    """What a change is made with: the transaction, and who asks."""

    tx: Transaction
    context: Context
    settings: Settings

    @property
    def snapshot(self) -> Snapshot:
        """The newest state, with what this transaction has written so far."""
        return self.tx.snapshot


class Filter(msgspec.Struct, frozen=True):
    """One condition of a list. Where there is an index, its values find the candidates."""

    keep: Callable[[Sequence[Any]], list[Any]]
    index: str = ""
    values: Sequence[str] = ()


def each(matches: Callable[[Any], bool]) -> Callable[[Sequence[Any]], list[Any]]:
    """Keeps the objects that match, looked at one by one."""
    return lambda objects: [obj for obj in objects if matches(obj)]


def _own(snapshot: Snapshot, context: Context, obj: Any) -> bool:
    return bool(obj.project_id == context.project_id)


def _nothing_more(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return ()


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """
    member, collection  the keys of JSON bodies: `network`, `networks`
    path       the collection in URLs: `security-groups`
    missing    error type and sentence for an id that is not there
    view       objects as JSON shows them
    create, update, delete  in a transaction; None: that verb is not supported
    visible    may see an object of another project
    others     ids of all objects of other projects that may be seen
    may_update, may_delete  besides the admin
    check_together  what must hold of the objects of one bulk
    indexes    which of the model's indexes answers a filter
    filters    filters that are not attributes
    taggable   has `tags` of its own
    """

    member: str
    collection: str
    path: str
    model: type[Object]
    table: Table
    missing: tuple[str, str]
    view: Callable[[Reading, Sequence[Any]], list[View]]
    create: Callable[[Writing, dict[str, Any]], Any] | None = None
    update: Callable[[Writing, Any, dict[str, Any]], Any] | None = None
    delete: Callable[[Writing, Any], None] | None = None
    visible: Callable[[Snapshot, Context, Any], bool] = _own
    others: Callable[[Snapshot, Context], Iterable[str]] = _nothing_more
    may_update: Callable[[Snapshot, Context, Any], bool] = _own
    may_delete: Callable[[Snapshot, Context, Any], bool] = _own
    check_together: Callable[[Writing, Sequence[dict[str, Any]]], None] | None = None
    indexes: Mapping[str, str] = {}
    filters: Mapping[str, Callable[[list[str]], list[Filter]]] = {}
    taggable: bool = True

    def not_found(self, id: str) -> NeutronError:
        type, message = self.missing
        return NeutronError(404, type, message.format(id=id))

    def find(self, snapshot: Snapshot, context: Context, id: str) -> Any:
        """The object, if the asker may see it. Raises Neutron's NotFound."""
        obj = snapshot.get(self.model, id)
        if obj is None or not self.may_see(snapshot, context, obj):
            raise self.not_found(id)
        return obj

    def may_see(self, snapshot: Snapshot, context: Context, obj: Any) -> bool:
        return (
            context.is_admin
            or obj.project_id == context.project_id
            or self.visible(snapshot, context, obj)
        )


def standard(obj: Any) -> View:
    """The attributes that all resources have."""
    return {
        "id": obj.id,
        "name": obj.name,
        "description": obj.description,
        "project_id": obj.project_id,
        "tenant_id": obj.project_id,
        "created_at": obj.created_at,
        "updated_at": obj.updated_at,
        "revision_number": obj.revision_number,
        "tags": obj.tags,
    }


def changed(obj: T, values: Mapping[str, Any]) -> T:
    """The object with these fields replaced; the same one if nothing is different."""
    different = {k: v for k, v in values.items() if getattr(obj, k) != v}
    return msgspec.structs.replace(obj, **different) if different else obj
