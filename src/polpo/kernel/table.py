"""One BPF map as a dictionary of packed bytes, read and written in bulk (Linux 5.6)."""

import ctypes
import errno
import struct
from collections.abc import Collection, Mapping

import msgspec

from polpo.kernel.libbpf import BatchOptions, checked, failure, lib

_ARRAYS = (2, 6)  # BPF_MAP_TYPE_ARRAY, PERCPU_ARRAY
_PER_CPU = (5, 6, 10)  # BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH
_CHUNK = 16384  # entries at a time
_UNSUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP, 524)  # 524: the kernel's ENOTSUPP


class Table(msgspec.Struct, frozen=True):
    """An open map. Errors are BpfError with the table's name; E2BIG means that it is full."""

    name: str
    fd: int
    kind: int
    key_size: int
    value_size: int
    max_entries: int

    def read(self) -> dict[bytes, bytes]:
        """All entries. A per-CPU value is those of all CPUs, one after the other."""
        try:
            return self._read_batches()
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        return self._read_one_by_one()

    def sum(self) -> dict[bytes, tuple[int, ...]]:
        """A per-CPU table of u64 counters: key -> counters, summed over all CPUs."""
        count = self.value_size // 8
        form = struct.Struct(f"={self._value_bytes // 8}Q")
        return {
            key: tuple(sum(values[i::count]) for i in range(count))
            for key, values in ((k, form.unpack(v)) for k, v in self.read().items())
        }

    def get(self, key: bytes) -> bytes | None:
        """One value, None if there is none."""
        value = ctypes.create_string_buffer(self._value_bytes)
        if lib.bpf_map_lookup_elem(self.fd, key, value) == 0:
            return value.raw
        if ctypes.get_errno() != errno.ENOENT:
            raise failure(f"read {self.name}")
        return None

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Writes or replaces entries."""
        if len(entries) < 4:
            for key, value in entries.items():
                checked(lib.bpf_map_update_elem(self.fd, key, value, 0), f"write {self.name}")
            return
        count = ctypes.c_uint32(len(entries))
        keys, values = b"".join(entries), b"".join(entries.values())
        options = BatchOptions(size=ctypes.sizeof(BatchOptions))
        given = ctypes.byref(count), ctypes.byref(options)
        checked(lib.bpf_map_update_batch(self.fd, keys, values, *given), f"write {self.name}")

    def remove(self, keys: Collection[bytes]) -> None:
        """Removes entries; those that are not there are passed over."""
        for key in keys:
            if lib.bpf_map_delete_elem(self.fd, key) and ctypes.get_errno() != errno.ENOENT:
                raise failure(f"remove from {self.name}")

    @property
    def _value_bytes(self) -> int:
        if self.kind not in _PER_CPU:
            return self.value_size
        return (self.value_size + 7) // 8 * 8 * int(lib.libbpf_num_possible_cpus())

    def _read_batches(self) -> dict[bytes, bytes]:
        chunk = min(_CHUNK, self.max_entries)
        entries: dict[bytes, bytes] = {}
        cursor: ctypes.Array[ctypes.c_char] | None = None
        while True:
            after = ctypes.create_string_buffer(max(self.key_size, 8))
            keys = ctypes.create_string_buffer(self.key_size * chunk)
            values = ctypes.create_string_buffer(self._value_bytes * chunk)
            count = ctypes.c_uint32(chunk)
            code = self._read_batch(cursor, after, keys, values, count)
            if code == errno.ENOSPC:  # a bucket of the hash is larger than what we offered
                chunk *= 2
                continue
            entries.update(self._split(keys, values, count.value))
            if code == errno.ENOENT:
                return entries
            cursor = after

    def _read_batch(
        self,
        cursor: "ctypes.Array[ctypes.c_char] | None",
        after: "ctypes.Array[ctypes.c_char]",
        keys: "ctypes.Array[ctypes.c_char]",
        values: "ctypes.Array[ctypes.c_char]",
        count: ctypes.c_uint32,
    ) -> int:
        """0 with more to come, ENOENT at the end, ENOSPC with too little room."""
        options = BatchOptions(size=ctypes.sizeof(BatchOptions))
        given = ctypes.byref(count), ctypes.byref(options)
        if lib.bpf_map_lookup_batch(self.fd, cursor, after, keys, values, *given) == 0:
            return 0
        code = ctypes.get_errno()
        if code not in (errno.ENOENT, errno.ENOSPC):
            raise failure(f"read {self.name}")
        return code

    def _split(
        self, keys: "ctypes.Array[ctypes.c_char]", values: "ctypes.Array[ctypes.c_char]", count: int
    ) -> "zip[tuple[bytes, bytes]]":
        return zip(
            _cut(memoryview(keys)[: count * self.key_size], self.key_size),
            _cut(memoryview(values)[: count * self._value_bytes], self._value_bytes),
            strict=True,
        )

    def _read_one_by_one(self) -> dict[bytes, bytes]:
        entries: dict[bytes, bytes] = {}
        following = ctypes.create_string_buffer(self.key_size)
        key: bytes | None = None
        while lib.bpf_map_get_next_key(self.fd, key, following) == 0:
            key = following.raw
            value = self.get(key)
            if value is not None:  # removed meanwhile
                entries[key] = value
        return entries


def _cut(joined: memoryview, size: int) -> list[bytes]:
    return [piece for (piece,) in struct.iter_unpack(f"{size}s", joined)]
