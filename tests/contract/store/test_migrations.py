"""Databases of former versions are brought forward with what is in them."""

from sqlalchemy import create_engine, text

from polpo.model.placement import HIGH, Placement
from polpo.store.store import Store

NOW = "2026-11-27T06:00:00Z"
PLACED = Placement(id="P", function_id="R", instance=3, host="h1", priority=HIGH)


async def test_placements_of_routers_are_those_of_functions(database_url: str) -> None:
    store = await Store.open(database_url, lambda: NOW)
    await store.write(lambda tx: tx.put(PLACED))
    await store.close()
    _as_of_0001(database_url)
    again = await Store.open(database_url, lambda: NOW)
    placed = again.snapshot.get(Placement, "P")
    assert placed is not None
    assert placed.function_id == "R"
    assert len(await again.changes_since(0) or ()) == 1
    await again.close()


def _as_of_0001(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for table, column in (("objects", "body"), ("changes", '"after"')):
            new, old = "'function_id'", "'router_id'"
            connection.execute(
                text(f"UPDATE {table} SET {column} = replace({column}, {new}, {old})")
            )
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
