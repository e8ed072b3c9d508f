"""Files that are either old or new, never half of each, also after a power cut."""

import os
from pathlib import Path

from polpo.runtime import crash


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the directory. Only its owner may read it (0600)."""
    crash.point()
    new = path.with_name(path.name + ".new")
    try:
        _write(new, content)
        crash.point()
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)  # on a full disk it would only take room
        raise
    _sync_directory(path.parent)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_quickly(path: Path, content: bytes) -> None:
    """The same, of what is written anew after a power cut anyway; nothing, if it is so already."""
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    new.replace(path)
