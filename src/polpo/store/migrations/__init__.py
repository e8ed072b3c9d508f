"""Alembic's scripts: one file a step, in versions/."""
