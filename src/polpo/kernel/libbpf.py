"""libbpf 1.x by ctypes: signatures only. Used within this package only."""

import ctypes
import errno
import os
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any


class BpfError(OSError):
    """The kernel or libbpf refused: `errno`, and in the text which table or program it was."""


class BatchOptions(ctypes.Structure):
    """struct bpf_map_batch_opts"""

    _fields_ = (("size", c_size_t), ("elem_flags", c_uint64), ("flags", c_uint64))


class RunOptions(ctypes.Structure):
    """struct bpf_test_run_opts"""

    _fields_ = (
        ("size", c_size_t),
        ("data_in", c_char_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_char_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


_SIGNATURES: dict[str, tuple[Any, ...]] = {  # name: (result, arguments...)
    "bpf_object__open_file": (c_void_p, c_char_p, c_void_p),
    "bpf_object__load": (c_int, c_void_p),
    "bpf_object__close": (None, c_void_p),
    "bpf_object__next_map": (c_void_p, c_void_p, c_void_p),
    "bpf_object__next_program": (c_void_p, c_void_p, c_void_p),
    "bpf_map__name": (c_char_p, c_void_p),
    "bpf_map__type": (c_uint32, c_void_p),
    "bpf_map__key_size": (c_uint32, c_void_p),
    "bpf_map__value_size": (c_uint32, c_void_p),
    "bpf_map__map_flags": (c_uint32, c_void_p),
    "bpf_map__max_entries": (c_uint32, c_void_p),
    "bpf_map__set_max_entries": (c_int, c_void_p, c_uint32),
    "bpf_map__set_pin_path": (c_int, c_void_p, c_char_p),
    "bpf_map__fd": (c_int, c_void_p),
    "bpf_program__name": (c_char_p, c_void_p),
    "bpf_program__set_autoload": (c_int, c_void_p, ctypes.c_bool),
    "bpf_program__fd": (c_int, c_void_p),
    "bpf_obj_pin": (c_int, c_int, c_char_p),
    "bpf_obj_get_info_by_fd": (c_int, c_int, c_void_p, POINTER(c_uint32)),
    "bpf_map_lookup_elem": (c_int, c_int, c_char_p, c_void_p),
    "bpf_map_update_elem": (c_int, c_int, c_char_p, c_char_p, c_uint64),
    "bpf_map_delete_elem": (c_int, c_int, c_char_p),
    "bpf_map_get_next_key": (c_int, c_int, c_char_p, c_void_p),
    "bpf_map_lookup_batch": (c_int, c_int, *[c_void_p] * 4, POINTER(c_uint32), c_void_p),
    "bpf_map_update_batch": (c_int, c_int, c_char_p, c_char_p, POINTER(c_uint32), c_void_p),
    "bpf_prog_test_run_opts": (c_int, c_int, POINTER(RunOptions)),
    "ring_buffer__new": (c_void_p, c_int, c_void_p, c_void_p, c_void_p),
    "ring_buffer__free": (None, c_void_p),
    "ring_buffer__epoll_fd": (c_int, c_void_p),
    "ring_buffer__consume": (c_int, c_void_p),
    "libbpf_num_possible_cpus": (c_int,),
    "libbpf_set_print": (c_void_p, c_void_p),
}


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


lib = _load()


def failure(what: str, number: int | None = None) -> BpfError:
    """The error of the last call (or `number`), said about `what`; E2BIG is a full table."""
    number = number or ctypes.get_errno()
    reason = "table is full" if number == errno.E2BIG else os.strerror(number)
    return BpfError(number, f"{what}: {reason}")


def checked(result: int, what: str) -> int:
    """The result of a call, or its failure."""
    if result < 0:
        raise failure(what)
    return result
