"""Names: text to wire form and back, their labels and parents (RFC 1035 2.3.4, 3.1, 5.1).

A name in wire form is a row of labels, each after its length, ending in the root's zero byte.
Lengths are below 64 and so no letters: `bytes.lower` works on whole names, and a zone's name is the
ending of the names within it (at a label's border: `is_within`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

ROOT = b"\0"
LONGEST_LABEL = 63
LONGEST_NAME = 255
_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+=:,&#!%'<>?[]^`{|}~"
)


def from_text(text: str) -> bytes:
    """The lower-case wire form of "www.example.org" (with or without the last dot).

    ValueError says what is wrong with it. Escapes are those of zone files: `\\.` and `\\046`.
    """
    return cased_from_text(text).lower()


def cased_from_text(text: str) -> bytes:
    """As `from_text`, letters as they are."""
    if text in {"", "."}:
        return ROOT
    if "\\" in text or not text.isascii():
        return join(_escaped_labels(text))
    return join(label.encode() for label in text.removesuffix(".").split("."))


def to_text(name: bytes) -> str:
    """The name with its last dot; what a zone file would have to escape is escaped."""
    if name == ROOT:
        return "."
    return "".join(f"{_label_text(label)}." for label in labels(name))


def join(parts: Iterable[bytes]) -> bytes:
    """The name of these labels, in their order. ValueError if one is empty or all is too long."""
    out = bytearray()
    for label in parts:
        if not label:
            raise ValueError("a name has an empty label")
        if len(label) > LONGEST_LABEL:
            raise ValueError(f"a label is longer than {LONGEST_LABEL} bytes")
        out.append(len(label))
        out += label
    out.append(0)
    if len(out) > LONGEST_NAME:
        raise ValueError(f"a name is longer than {LONGEST_NAME} bytes")
    return bytes(out)


def labels(name: bytes) -> list[bytes]:
    """The labels, without the root's."""
    found = []
    at = 0
    while length := name[at]:
        found.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return found


def parent(name: bytes) -> bytes:
    """The name without its first label; the root's parent is the root."""
    return name[1 + name[0] :] if name[0] else name


def suffixes(name: bytes) -> Iterator[bytes]:
    """The name, its parent and so on, to the root."""
    while name[0]:
        yield name
        name = name[1 + name[0] :]
    yield ROOT


def is_within(name: bytes, zone: bytes) -> bool:
    """Is the name the zone's own or below it? Both lower-case."""
    if not name.endswith(zone):
        return False
    surplus = len(name) - len(zone)
    at = 0
    while at < surplus:
        at += 1 + name[at]
    return at == surplus


def within_any(name: bytes, zones: Iterable[bytes]) -> bool:
    """Is the name within one of the zones? The root holds all of them."""
    for zone in zones:  # noqa: SIM110 - a generator would cost twice as much for each query
        if zone == ROOT or is_within(name, zone):
            return True
    return False


def prepend(label: bytes, name: bytes) -> bytes:
    """`label`.`name`."""
    whole = bytes((len(label),)) + label + name
    if not 0 < len(label) <= LONGEST_LABEL or len(whole) > LONGEST_NAME:
        raise ValueError("a label or a name is too long or empty")
    return whole


def _label_text(label: bytes) -> str:
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    out = []
    for byte in label:
        if byte in _PLAIN:
            out.append(chr(byte))
        elif 0x21 <= byte <= 0x7E:
            out.append(f"\\{chr(byte)}")
        else:
            out.append(f"\\{byte:03d}")
    return "".join(out)


def _escaped_labels(text: str) -> Iterator[bytes]:
    label = bytearray()
    at = 0
    data = text.encode("utf-8")
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == ord("."):
            yield bytes(label)
            label.clear()
        elif byte != ord("\\"):
            label.append(byte)
        elif data[at : at + 3].isdigit() and len(data) >= at + 3:
            label += _decimal(data[at : at + 3])
            at += 3
        elif at < len(data):
            label.append(data[at])
            at += 1
        else:
            raise ValueError("a name ends in a backslash")
    if label:
        yield bytes(label)


def _decimal(digits: bytes) -> bytes:
    value = int(digits)
    if value > 255:
        raise ValueError(f"\\{digits.decode()} is no byte")
    return bytes((value,))
