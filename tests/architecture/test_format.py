"""Rows that change have another format (docs/decisions/0270)."""

import hashlib
from typing import Any

import msgspec

from polpo.target.wire import FORMAT, Line

DIGESTS = {2: "02341ae7097e733a"}


def test_whoever_changes_a_row_raises_the_format() -> None:
    """If this fails: raise FORMAT in target/wire.py; its digest comes here in the old's place."""
    text = msgspec.json.encode(_bare(msgspec.json.schema(Line)), order="sorted")
    assert {FORMAT: hashlib.sha256(text).hexdigest()[:16]} == DIGESTS


def _bare(schema: Any) -> Any:
    """Without the words of docstrings."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key != "description"}
    return [_bare(value) for value in schema] if isinstance(schema, list) else schema
