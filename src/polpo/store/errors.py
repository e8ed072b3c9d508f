"""What a write can fail of.

StoreError
+-- Taken         a claim is held by another object
+-- Missing       the object to change or remove is not there
+-- Unfit         the database has no place for it: a text that is too long, or has a zero in it
+-- Unavailable   the database cannot be written now (disk full, connection lost): try again
"""


class StoreError(Exception):
    """Any of them. The write changed nothing."""


class Taken(StoreError):
    """`scope` and `key` of the claim, and the id of its `holder` where it is known."""

    def __init__(self, scope: str, key: str, holder: str | None) -> None:
        super().__init__(f"{key} is taken in {scope}")
        self.scope, self.key, self.holder = scope, key, holder


class Missing(StoreError):
    """`kind` and `id` of what is not there."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"no {kind} {id}")
        self.kind, self.id = kind, id


class Unfit(StoreError):
    """The database's own words are in the text. Trying again changes nothing."""


class Unavailable(StoreError):
    """The database's own words are in the text."""
