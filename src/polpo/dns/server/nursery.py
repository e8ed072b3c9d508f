"""Where workers come from: a process that has all of their code loaded, and forks.

It is made before control has anything but code (no loop, no connection, nothing parsed), so its
children have nothing of control's; what they share is the memory of the interpreter and of the
modules, once for all of them and control. It ends when control does; workers do not.
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import signal
import socket
from collections.abc import Sequence

import msgspec

from polpo.dns.server import worker

MOST_DESCRIPTORS = 250  # of one message (SCM_MAX_FD is 253)
LONGEST_BIRTH_S = 5.0
_BYTES = 65536


class Child:
    """A worker, by its number: somebody else's child, so only its end is to be seen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end = os.pidfd_open(pid)

    def kill(self) -> None:
        signal.pidfd_send_signal(self._end, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Has it ended, within this time?"""
        ended, _, _ = select.select([self._end], [], [], seconds)
        return bool(ended)

    def close(self) -> None:
        os.close(self._end)


class Nursery:
    """Control's side."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        gc.collect()
        gc.freeze()  # a look for garbage would write into what is shared
        self.pid = os.fork()
        if not self.pid:
            ours.close()
            _run(theirs)
        theirs.close()
        ours.settimeout(LONGEST_BIRTH_S)
        self._link = ours

    def bear(self, descriptors: Sequence[int]) -> Child:
        """A worker with these open under the same numbers, the first of them for its main. OSError
        if there cannot be one."""
        numbers = list(descriptors)
        for first in range(0, len(numbers), MOST_DESCRIPTORS):
            part = numbers[first : first + MOST_DESCRIPTORS]
            is_last = first + len(part) == len(numbers)
            socket.send_fds(self._link, [msgspec.msgpack.encode((part, is_last))], part)
        answer = self._link.recv(_BYTES)
        if not answer:
            raise ConnectionResetError("the process that forks workers has ended")
        return Child(int(answer))

    def close(self) -> None:
        self._link.close()
        os.waitpid(self.pid, 0)


def _run(link: socket.socket) -> None:
    """The nursery itself. The kernel reaps workers; a terminal's signals are control's."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    worker.load()
    gc.collect()
    gc.freeze()
    descriptors: dict[int, int] = {}
    while True:
        data, received, _, _ = socket.recv_fds(link, _BYTES, MOST_DESCRIPTORS)
        if not data:
            os._exit(0)
        numbers, is_last = msgspec.msgpack.decode(data, type=tuple[list[int], bool])
        descriptors |= zip(numbers, received, strict=True)
        if not is_last:
            continue
        pid = os.fork()
        if not pid:
            link.close()
            _become_worker(descriptors)
        for descriptor in descriptors.values():
            os.close(descriptor)
        descriptors = {}
        link.send(b"%d" % pid)


def _become_worker(descriptors: dict[int, int]) -> None:
    """With each descriptor at the number that control knows it by."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    beyond = max(*descriptors, *descriptors.values()) + 1
    moved = {}
    for number, descriptor in descriptors.items():
        moved[number] = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond)
        os.close(descriptor)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)
        os.close(descriptor)
    status = 1
    try:
        worker.run(next(iter(descriptors)))
        status = 0
    except BaseException as failed:
        print(f"[ERROR] worker: {failed!r}", flush=True)
    finally:
        os._exit(status)
