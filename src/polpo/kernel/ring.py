"""A BPF ring buffer (Linux 5.8) as a file handle and a list of records. One reader at a time."""

import ctypes
from ctypes import c_int, c_size_t, c_void_p

from polpo.kernel.libbpf import checked, failure, lib
from polpo.kernel.table import Table

_SAMPLE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)


class Ring:
    """Records wait in the kernel until they are read; those of a former reader as well."""

    def __init__(self, table: Table) -> None:
        self._read: list[bytes] = []
        self._callback = _SAMPLE(self._keep)  # must live as long as the ring
        self._name = table.name
        self._ring = lib.ring_buffer__new(table.fd, self._callback, None, None)
        if not self._ring:
            raise failure(f"open ring buffer {table.name}")

    def _keep(self, context: int, data: int, size: int) -> int:
        self._read.append(ctypes.string_at(data, size))
        return 0

    def fileno(self) -> int:
        """Readable (epoll) when there are records."""
        return int(lib.ring_buffer__epoll_fd(self._ring))

    def read(self) -> list[bytes]:
        """All that is there."""
        self._read = []
        checked(lib.ring_buffer__consume(self._ring), f"read {self._name}")
        return self._read

    def close(self) -> None:
        lib.ring_buffer__free(self._ring)
