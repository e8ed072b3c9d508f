"""nftables of a network namespace, by libnftables (ctypes) and one netlink message.

The library works in the namespace of the calling thread. A batch of commands is one transaction:
all of it or nothing. The kernel counts the transactions of each namespace (the *generation*), so
that an unchanged number says without reading that nobody has changed a rule.

The library waits for its socket by select(2), which ends the whole process if the descriptor is
1024 or above: one below is kept for it, whatever else is open.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from polpo.kernel.netlink import Netlink, attributes
from polpo.runtime import crash

NETLINK_NETFILTER = 12
GETGEN = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
NFTA_GEN_ID = 1
_NFGENMSG = struct.Struct("=BBH")  # family, version, resource
STATELESS = 1 << 1  # NFT_CTX_OUTPUT_STATELESS: no counters in listings


def _keep() -> int:
    """The lowest descriptor that is free: a low one, when the process begins."""
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


_kept = _keep()


def rules_socket() -> socket.socket:
    """Speaks for the calling thread's namespace."""
    raw = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, raw, NETLINK_NETFILTER)


def generation(netlink: Netlink) -> int:
    """How many transactions the namespace of the socket has seen."""
    found = attributes(netlink.get(GETGEN, _NFGENMSG.pack(0, 0, 0)), _NFGENMSG.size)
    return int.from_bytes(found[NFTA_GEN_ID], "big")


def apply(commands: str) -> None:
    """One transaction. OSError with the library's words if a command is wrong or refused."""
    crash.point()
    _run(commands)


def show(table: str) -> str:
    """The table ("inet polpo") as `nft list` shows it; "" if there is none."""
    try:
        return _run(f"list table {table}")
    except OSError:
        return ""


def _run(commands: str) -> str:
    library = _library()
    with _context() as context:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_output_set_flags(context, STATELESS)
        failed = library.nft_run_cmd_from_buffer(context, commands.encode())
        if failed:
            words = library.nft_ctx_get_error_buffer(context).decode(errors="replace")
            raise OSError(errno.EINVAL, words.strip() or "nftables refused it")
        return str(library.nft_ctx_get_output_buffer(context).decode())


@contextmanager
def _context() -> Iterator[int]:
    """Of the library, with its socket in the descriptor that was kept for it."""
    global _kept
    os.close(_kept)
    try:
        context = _library().nft_ctx_new(0)
        if not context:
            raise OSError(errno.ENOMEM, "no nftables context")
        try:
            yield context
        finally:
            _library().nft_ctx_free(context)
    finally:
        _kept = _keep()


@cache
def _library() -> Any:
    library = ctypes.CDLL("libnftables.so.1")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.nft_ctx_new.restype = pointer
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(library, name).argtypes = [pointer]
    library.nft_ctx_free.restype = None
    library.nft_ctx_output_set_flags.argtypes = [pointer, ctypes.c_uint]
    library.nft_ctx_output_set_flags.restype = None
    library.nft_run_cmd_from_buffer.argtypes = [pointer, text]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [pointer]
        getattr(library, name).restype = text
    return library
