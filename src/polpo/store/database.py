"""Rows in and out of the database: synchronous, called from the store's one writing thread."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url

from polpo.model.change import Change
from polpo.model.kinds import KINDS
from polpo.model.object import Object
from polpo.model.snapshot import Snapshot
from polpo.runtime import garbage
from polpo.store import tables

CHANNEL = "polpo_revisions"
"""Where PostgreSQL tells that there is a new revision."""

_encode = msgspec.json.encode
_o, _c = tables.objects.c, tables.claims.c
_DELETE_OBJECT = delete(tables.objects).where(
    _o.kind == bindparam("b_kind"), _o.id == bindparam("b_id")
)
_UPDATE_OBJECT = update(tables.objects).where(
    _o.kind == bindparam("b_kind"), _o.id == bindparam("b_id")
)
_DELETE_CLAIM = delete(tables.claims).where(
    _c.scope == bindparam("b_scope"), _c.key == bindparam("b_key")
)
_decoders = {kind: msgspec.json.Decoder(cls) for kind, cls in KINDS.items()}


def connect(url: str) -> Engine:
    """`sqlite:////path/to/file` or `postgresql://user:password@host/database`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        _keep_private(Path(parsed.database))
    engine = create_engine(parsed)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _keep_private(file: Path) -> None:
    """It has the keys that tokens are signed with: mode 0600, and so what SQLite puts beside it."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    file.chmod(0o600)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Durable commits beside readers; BEGIN is ours (see `connect`), not the driver's."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def lock_head(connection: Connection) -> int:
    """The newest revision; until the transaction ends no other writer passes this line."""
    return int(connection.execute(select(tables.head.c.revision).with_for_update()).scalar_one())


def read_snapshot(connection: Connection) -> Snapshot:
    """Everything, at the newest revision."""
    revision = connection.execute(select(tables.head.c.revision)).scalar_one()
    rows = connection.execute(select(tables.objects.c.kind, tables.objects.c.body))
    with garbage.held_back():
        return Snapshot.of((_decoders[kind].decode(body) for kind, body in rows), revision)


def read_changes(connection: Connection, since: int) -> Iterator[Change[Any]]:
    """What revisions after `since` changed, in order."""
    c = tables.changes.c
    query = select(c.revision, c.kind, c.before, c.after).where(c.revision > since)
    for revision, kind, before, after in connection.execute(query.order_by(c.revision, c.position)):
        decode = _decoders[kind].decode
        yield Change(
            revision=revision,
            before=decode(before) if before is not None else None,
            after=decode(after) if after is not None else None,
        )


def oldest_change(connection: Connection) -> int | None:
    """The first revision that is still in the log."""
    c = tables.changes.c
    return connection.execute(select(c.revision).order_by(c.revision).limit(1)).scalar()


def write_changes(connection: Connection, changes: list[Change[Any]]) -> None:
    """Bring the tables from before the changes to after them. IntegrityError: a claim is taken."""
    final = _net(changes)
    _release(connection, [c.before for c in final if c.before is not None])
    removed = [c.before for c in final if c.after is None and c.before is not None]
    made = [c.after for c in final if c.before is None and c.after is not None]
    kept = [c.after for c in final if c.before is not None and c.after is not None]
    _execute(connection, _DELETE_OBJECT, [{"b_kind": o.kind, "b_id": o.id} for o in removed])
    _execute(connection, insert(tables.objects), [_object_row(o) for o in made])
    _execute(connection, _UPDATE_OBJECT, [_update_row(o) for o in kept])
    taken = [c.after for c in final if c.after is not None]
    _execute(connection, insert(tables.claims), [row for o in taken for row in _claim_rows(o)])
    _execute(connection, insert(tables.changes), _change_rows(changes))


def set_head(connection: Connection, revision: int) -> None:
    """The newest revision; PostgreSQL tells the other replicas when this is committed."""
    connection.execute(update(tables.head).values(revision=revision))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")


def prune_changes(connection: Connection, before: int) -> None:
    """Forget the log of revisions older than `before`."""
    connection.execute(delete(tables.changes).where(tables.changes.c.revision < before))


def _net(changes: list[Change[Any]]) -> list[Change[Any]]:
    """Several changes of one object (by several transactions of a batch) as one."""
    net: dict[tuple[str, str], Change[Any]] = {}
    for change in changes:
        key = (change.subject.kind, change.subject.id)
        first = net[key].before if key in net else change.before
        net[key] = Change(revision=change.revision, before=first, after=change.after)
    return list(net.values())


def _release(connection: Connection, olds: list[Object]) -> None:
    held = [{"b_scope": scope, "b_key": key} for o in olds for scope, key in o.claims()]
    _execute(connection, _DELETE_CLAIM, held)


def _execute(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _object_row(o: Object) -> dict[str, Any]:
    return {"kind": o.kind, "id": o.id, "revision": o.revision, "body": _text(o)}


def _update_row(o: Object) -> dict[str, Any]:
    return {"b_kind": o.kind, "b_id": o.id, "revision": o.revision, "body": _text(o)}


def _claim_rows(o: Object) -> Iterable[dict[str, Any]]:
    return (
        {"scope": scope, "key": key, "kind": o.kind, "object_id": o.id} for scope, key in o.claims()
    )


def _change_rows(changes: list[Change[Any]]) -> list[dict[str, Any]]:
    return [
        {
            "revision": change.revision,
            "position": position,
            "kind": change.subject.kind,
            "before": _text(change.before),
            "after": _text(change.after),
        }
        for position, change in enumerate(changes)
    ]


def _text(o: Object | None) -> str | None:
    return None if o is None else _encode(o).decode()
