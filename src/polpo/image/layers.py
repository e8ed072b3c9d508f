"""A layer: a tar of files, the same bytes for the same files whenever and wherever it is made."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """At `path` (no / first) a file, or a link to `link`, or a folder where there is neither."""

    path: str
    content: bytes | None = None
    link: str = ""
    mode: int = 0o644


def folder(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, mode=mode)


def layer(entries: Iterable[Entry]) -> bytes:
    """Owned by root, of the year 1970, in order of path. Folders that are missing are added."""
    by_path = {entry.path: entry for entry in entries}
    for path in list(by_path):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                by_path.setdefault(str(parent), folder(str(parent)))
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(by_path):
            _add(archive, by_path[path])
    return text.getvalue()


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(entry.content)
    archive.addfile(info, io.BytesIO(entry.content) if entry.content is not None else None)
