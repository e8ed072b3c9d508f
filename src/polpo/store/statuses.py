"""What hosts last reported, kept beside the revisions: it changes too often to be one."""

from sqlalchemy import Engine, bindparam, delete, insert, select

from polpo.store import tables

_c = tables.statuses.c
_DELETE = delete(tables.statuses).where(_c.host == bindparam("b_host"))


def save(engine: Engine, bodies: dict[str, str], at: float) -> None:
    """Replace the reports of these hosts."""
    if not bodies:
        return
    with engine.begin() as connection:
        connection.execute(_DELETE, [{"b_host": host} for host in bodies])
        rows = [{"host": host, "at": at, "body": body} for host, body in bodies.items()]
        connection.execute(insert(tables.statuses), rows)


def load(engine: Engine, after: float) -> list[tuple[str, float, str]]:
    """Reports saved later than `after`, oldest first."""
    query = select(_c.host, _c.at, _c.body).where(_c.at > after).order_by(_c.at)
    with engine.begin() as connection:
        return [(host, at, body) for host, at, body in connection.execute(query)]
