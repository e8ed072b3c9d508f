"""Brings a database to the tables that this version needs (Alembic), or says why it cannot."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_ADVISORY_LOCK = 0x706F6C706F  # "polpo": replicas that start together migrate one after another


def migrate(engine: Engine) -> None:
    """Upgrade in one transaction; nothing happens where the tables are already current."""
    config = Config()
    config.set_main_option("script_location", str(files("polpo.store") / "migrations"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if _current(connection) != newest:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
