"""The feed's text: one JSON object a line, the same on the wire and in the agent's file.

    {"slice": "network/7", "full": true, "rows": [...]}     the slice begins anew with these rows
    {"slice": "network/7", "rows": [...], "gone": [...]}    rows replaced, rows removed (by key)
    {"slice": "network/7", "dropped": true}                 the host needs the slice no more
    {"revision": 42}                                        all up to revision 42 has been said

Nothing counts until its `revision` line has come: what is after the last one is half said.
A `revision` line that repeats the last revision is the feed's heartbeat.
"""

import msgspec

from polpo.target.rows import AnyRow, Slices

FORMAT = 2
"""What a reader has to understand: raised whenever a row changes. An agent that passed over what it
does not know might let through what is to be refused, so it is not told (decision 270)."""


class SliceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows of one slice. Large slices take several lines; only the first of them is `full`."""

    slice: str
    full: bool = False
    rows: tuple[AnyRow, ...] = ()
    gone: tuple[str, ...] = ()
    dropped: bool = False


class RevisionLine(msgspec.Struct, frozen=True):
    """All lines before it bring the target to this revision."""

    revision: int


class Line(msgspec.Struct, frozen=True):
    """Either of the two, as it is read."""

    slice: str | None = None
    full: bool = False
    rows: tuple[AnyRow, ...] = ()
    gone: tuple[str, ...] = ()
    dropped: bool = False
    revision: int | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def encode_line(line: SliceLine | RevisionLine) -> bytes:
    """The line with its newline."""
    return _encoder.encode(line) + b"\n"


def decode_line(text: bytes) -> Line:
    """Raises msgspec.DecodeError or msgspec.ValidationError (both MsgspecError) if malformed."""
    try:
        return _decoder.decode(text)
    except UnicodeDecodeError as error:  # of a text in it, which is looked at last
        raise msgspec.DecodeError(str(error)) from error


def apply_line(slices: Slices, line: Line) -> None:
    """Bring `slices` (mutated) up to what the line says; a `revision` line changes nothing."""
    if line.slice is None:
        return
    if line.dropped:
        slices.pop(line.slice, None)
        return
    rows = slices.setdefault(line.slice, {})
    if line.full:
        rows = slices[line.slice] = {}
    for key in line.gone:
        rows.pop(key, None)
    for row in line.rows:
        rows[row.key] = row
