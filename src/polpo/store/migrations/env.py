"""Alembic runs this with the connection that migrate.py hands it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()
