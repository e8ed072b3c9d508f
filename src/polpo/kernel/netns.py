"""Network namespaces by name (/run/netns/NAME, as `ip netns` keeps them), and work inside them.

A thread enters, never the process: the main thread's namespace is the host's own.
"""

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from polpo.kernel import mounts
from polpo.kernel.netlink import Netlink, route_socket
from polpo.runtime import crash

DIRECTORY = Path("/run/netns")
CLONE_NEWNET = 0x40000000

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


def identity(name: str) -> int | None:
    """The namespace's inode, which no other living one has; None if it does not exist."""
    try:
        found = os.stat(f"{DIRECTORY}/{name}")
    except FileNotFoundError:
        return None
    return found.st_ino if found.st_dev == _file_system() else None


@cache
def _file_system() -> int:
    """That of namespaces: a name that none is mounted on is a file of another one."""
    return os.stat("/proc/self/ns/net").st_dev


def create(name: str) -> None:
    """Make the namespace; nothing to do if it exists."""
    if identity(name) is not None:
        return
    path = _place(name)

    def make() -> None:
        _check(_libc.unshare(CLONE_NEWNET))
        mounts.bind("/proc/thread-self/ns/net", path)

    _in_thread(make)


def attach(name: str, pid: int) -> None:
    """Name the namespace that a process is in; it has no name now. OSError if that has ended."""
    mounts.bind(f"/proc/{pid}/ns/net", _place(name))


def name_own(name: str) -> None:
    """Name the namespace that we are in; a name that is another's by now is taken from it."""
    if identity(name) == os.stat("/proc/self/ns/net").st_ino:
        return
    if identity(name) is not None:
        delete(name)
    attach(name, os.getpid())


def _place(name: str) -> Path:
    crash.point()
    DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    path = DIRECTORY / name
    path.touch(mode=0o444)  # may be there without a mount: left by a crash
    return path


def delete(name: str) -> None:
    """Take the name away; the namespace goes when its last process does. No-op if absent."""
    crash.point()
    mounts.unmount(DIRECTORY / name)
    (DIRECTORY / name).unlink(missing_ok=True)


def inside(name: str, work: Callable[[], T]) -> T:
    """Run `work` in a thread that has entered the namespace. FileNotFoundError if it is gone."""
    handle = os.open(DIRECTORY / name, os.O_RDONLY | os.O_CLOEXEC)

    def entered() -> T:
        _check(_libc.setns(handle, CLONE_NEWNET))
        return work()

    try:
        return _in_thread(entered)
    finally:
        os.close(handle)


def netlink_in(name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Netlink:
    """A netlink socket that speaks for the namespace. Close it: it keeps the namespace alive.
    `settings` are written on the way (write_sysctls): each visit is a thread.
    """

    def enter() -> socket.socket:
        write_sysctls(settings)
        return route_socket()

    return Netlink(inside(name, enter))


def has_ipv6() -> bool:
    """Whether the kernel does."""
    return Path("/proc/sys/net/ipv6").exists()


def write_sysctls(settings: Mapping[str, str]) -> None:
    """Write /proc/sys/net/<path>, which shows the namespace of the task that opens it.

    What the kernel does not have (IPv6 compiled out or disabled) is left out.
    """
    for path, value in settings.items():
        try:
            Path("/proc/sys/net", path).write_text(value)
        except FileNotFoundError:
            continue


def read_sysctls(paths: Iterable[str]) -> dict[str, str]:
    """What is at /proc/sys/net/<path>; without what the kernel does not have."""
    found = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found[path] = Path("/proc/sys/net", path).read_text().strip()
    return found


def _in_thread(work: Callable[[], T]) -> T:
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as e:
            failed.append(e)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
