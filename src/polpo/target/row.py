"""What all rows of a target are (see rows.py)."""

import msgspec


class Row(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="row"):
    """One fact. `key` is unique within its slice."""

    @property
    def key(self) -> str:
        raise NotImplementedError
