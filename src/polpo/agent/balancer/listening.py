"""Hears what HAProxy says of its members, at the moment when it says it (syslog, RFC 3164).

It speaks to a socket in its jail: the one file that it sees. Only when it has spoken of a server is
it asked how its servers are before the time for that comes.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from polpo.agent.balancer.instances import Instance

ABOUT = b"Server "
LONGEST_BYTES = 4096


class Listening:
    """`told` is called with the number of a load balancer whose members are not as they were."""

    def __init__(self, instances: Mapping[int, Instance], told: Callable[[int], None]) -> None:
        self._instances, self._told = instances, told
        self._sockets: dict[int, tuple[socket.socket, int]] = {}  # with the inode of its name

    def look(self) -> None:
        """One for each instance, also after somebody removed it."""
        for vni in [vni for vni, bound in self._sockets.items() if not self._is_here(vni, bound)]:
            self._close(vni)
        for vni in self._instances.keys() - self._sockets.keys():
            with contextlib.suppress(OSError):  # its directory comes with the process
                self._open(vni)

    def _is_here(self, vni: int, bound: tuple[socket.socket, int]) -> bool:
        if vni not in self._instances:
            return False
        try:
            return os.stat(self._path(vni)).st_ino == bound[1]
        except OSError:
            return False

    def _open(self, vni: int) -> None:
        path = self._path(vni)
        path.unlink(missing_ok=True)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            link.bind(str(path))
            path.chmod(0o666)  # HAProxy is nobody by then; the jail is in a directory of ours
        except OSError:
            link.close()
            raise
        self._sockets[vni] = link, os.stat(path).st_ino
        asyncio.get_running_loop().add_reader(link.fileno(), self._hear, vni)

    def _close(self, vni: int) -> None:
        link, _ = self._sockets.pop(vni)
        asyncio.get_running_loop().remove_reader(link.fileno())
        link.close()

    def _hear(self, vni: int) -> None:
        about = False
        with contextlib.suppress(OSError):
            while said := self._sockets[vni][0].recv(LONGEST_BYTES):
                about = about or ABOUT in said
        if about:
            self._told(vni)

    def _path(self, vni: int) -> Path:
        return self._instances[vni].settings.jail / "log"
