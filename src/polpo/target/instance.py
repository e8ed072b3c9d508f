"""What a port is to whom it is attached to: the part of its row that the metadata service tells."""

import msgspec


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the metadata service tells a port of itself, besides what its row says anyway.

    id           of what it is attached to, or its own
    network      id; `project`: id
    floating     (fixed address, floating address)
    user_data    base64, None for none
    public_keys  (name, key); meta: (name, value)
    """

    id: str
    network: str
    project: str = ""
    zone: str = ""
    floating: tuple[tuple[str, str], ...] = ()
    user_data: str | None = None
    public_keys: tuple[tuple[str, str], ...] = ()
    meta: tuple[tuple[str, str], ...] = ()
