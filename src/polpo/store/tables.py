"""The tables, the same in SQLite and PostgreSQL. Only the store knows them.

head      one row: the newest revision; a writer locks it, so that revisions are in commit order
objects   what is, as JSON by kind and id
claims    what only one object may hold (see model/object.py): the primary key keeps it so
changes   what each revision changed, before and after: a watch reads it from any revision
statuses  what hosts last reported; not part of any revision
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
objects = Table(
    "objects",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
claims = Table(
    "claims",
    metadata,
    Column("scope", String(255), primary_key=True),
    Column("key", String(512), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("object_id", String(64), nullable=False),
)
changes = Table(
    "changes",
    metadata,
    Column("revision", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("before", Text),
    Column("after", Text),
)
statuses = Table(
    "statuses",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", Text, nullable=False),
)
Index("statuses_at", statuses.c.at)
