"""Mounts that give namespaces their names."""

import ctypes
import os
from pathlib import Path

MS_BIND, MNT_DETACH = 0x1000, 2
_libc = ctypes.CDLL(None, use_errno=True)


def bind(source: str, target: Path) -> None:
    _mount(source, target, "none", MS_BIND)


def is_mountpoint(path: Path) -> bool:
    return path.exists() and os.stat(path).st_dev != os.stat(path.parent).st_dev


def unmount(target: Path) -> None:
    """Off, even if busy; no-op if nothing is mounted there."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH) != 0:
        code = ctypes.get_errno()
        if code not in (2, 22):  # ENOENT, EINVAL: not a mount
            raise OSError(code, os.strerror(code), str(target))


def _mount(source: str, target: Path, kind: str, flags: int) -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, None)
    if _libc.mount(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))
