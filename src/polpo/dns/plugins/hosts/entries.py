"""hosts(5): addresses and names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Record, Type
from polpo.dns.wire.reverse import reverse_name

Records = dict[bytes, tuple[Record, ...]]


class Line(NamedTuple):
    """An address and its names (wire form)."""

    address: str
    names: tuple[bytes, ...]


def read_line(words: Sequence[str]) -> Line | None:
    """None if it is no line of a hosts file. Zones of link-local addresses are left out."""
    try:
        address = ip_address(words[0].partition("%")[0])
        names = tuple(from_text(word) for word in words[1:])
    except (ValueError, IndexError):
        return None
    return Line(str(address), names) if names else None


def read_lines(text: str) -> list[Line]:
    """What of a file are lines; the rest is passed over, as everybody else does."""
    split = (line.partition("#")[0].split() for line in text.splitlines())
    return [line for words in split if words and (line := read_line(words)) is not None]


def records_of(lines: Iterable[Line], ttl_s: int, reverse: bool) -> Records:
    """The records of each name."""
    found: dict[bytes, dict[Record, None]] = {}
    for line in lines:
        address = ip_address(line.address)
        type = Type.A if address.version == 4 else Type.AAAA
        for name in line.names:
            found.setdefault(name, {})[Record(name, type, ttl_s, address.packed)] = None
        if reverse:
            owner = reverse_name(address)
            for name in line.names:
                found.setdefault(owner, {})[Record(owner, Type.PTR, ttl_s, name)] = None
    return {name: tuple(records) for name, records in found.items()}
