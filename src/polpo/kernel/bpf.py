"""The kernel's side of the switch: its object loaded, its tables read and written in bulk.

`load` pins the tables in `<directory>/<layout>`, `<layout>` being a digest of all their types and
sizes. So a restarted agent finds its tables as it left them, still forwarding; a release (or a
configuration) with another layout begins with new ones in another place. The programs are pinned
beside them, and replaced at each load.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from polpo.kernel.libbpf import RunOptions, checked, failure, lib
from polpo.kernel.table import Table

OBJECT = Path(str(resources.files("polpo.dataplane").joinpath("switch.bpf.o")))
PROGRAMS = (
    *("from_port", "from_overlay", "from_metadata", "send_in"),
    *("from_outside", "to_outside"),
)
TEST_PROGRAMS = (*PROGRAMS, "overlay_test")
IFINDEX_AT, CONTEXT_REST = 40, 148  # bytes before and after `ifindex` in struct __sk_buff


class Run(msgspec.Struct, frozen=True):
    """What a test run gave: the program's result, the packet and struct __sk_buff after it."""

    result: int
    data: bytes
    context: bytes
    duration_ns: int


class Program(msgspec.Struct, frozen=True):
    """A loaded program. `label` names its code and its tables: a tc filter of this name is
    ours, and current; one whose name begins with `polpo-` only is ours and to be replaced."""

    name: str
    fd: int
    id: int
    tag: str
    label: str
    path: Path

    def inject(self, ifindex: int, frame: bytes) -> None:
        """Has the program see a frame as if it had come from the interface.

        What it copies (bpf_clone_redirect) is really sent; what it only redirects is not.
        """
        self.run(
            frame, bytes(IFINDEX_AT) + ifindex.to_bytes(4, sys.byteorder) + bytes(CONTEXT_REST)
        )

    def run(self, data: bytes, context: bytes = b"", repeat: int = 1) -> Run:
        """BPF_PROG_TEST_RUN with a packet and, optionally, a struct __sk_buff."""
        out, after = ctypes.create_string_buffer(len(data) + 512), ctypes.create_string_buffer(512)
        options = RunOptions(size=ctypes.sizeof(RunOptions), repeat=repeat)
        options.data_in, options.data_size_in = data, len(data)
        options.data_out, options.data_size_out = ctypes.addressof(out), len(out)
        if context:
            options.ctx_in, options.ctx_size_in = context, len(context)
            options.ctx_out, options.ctx_size_out = ctypes.addressof(after), len(after)
        checked(lib.bpf_prog_test_run_opts(self.fd, ctypes.byref(options)), f"run {self.name}")
        return Run(
            result=options.retval,
            data=out.raw[: options.data_size_out],
            context=after.raw[: options.ctx_size_out],
            duration_ns=options.duration,
        )


class Switch(msgspec.Struct, frozen=True):
    """The loaded switch. It goes on working when this object, or the process, is gone."""

    directory: Path
    tables: dict[str, Table]
    programs: dict[str, Program]

    def close(self) -> None:
        """Gives up the file descriptors; what is pinned or attached stays."""
        for table in self.tables.values():
            os.close(table.fd)
        for program in self.programs.values():
            os.close(program.fd)


def load(
    directory: Path,
    *,
    sizes: Mapping[str, int] | None = None,
    programs: tuple[str, ...] = PROGRAMS,
    path: Path = OBJECT,
) -> Switch:
    """Loads the switch with its tables under `directory`, which is in a mounted bpffs.

    sizes: max_entries of tables by name, e.g. {"flows": 65536}.
    """
    handle = lib.bpf_object__open_file(os.fsencode(path), None)
    if not handle:
        raise failure(f"open {path}")
    try:
        for name, entry in _maps(handle).items():
            if sizes and name in sizes:
                lib.bpf_map__set_max_entries(entry, sizes[name])
        layout = _layout(handle)
        (directory / layout).mkdir(parents=True, exist_ok=True)
        _choose(handle, directory / layout, programs)
        checked(lib.bpf_object__load(handle), f"load {path}")
        tables = {name: _table(name, entry) for name, entry in _maps(handle).items()}
        loaded = {
            name: _program(name, entry, directory / layout)
            for name, entry in _programs(handle).items()
            if name in programs
        }
    finally:
        lib.bpf_object__close(handle)
    return Switch(directory=directory / layout, tables=tables, programs=loaded)


def stale(directory: Path, switch: Switch) -> list[Path]:
    """Directories of tables of other layouts: to be removed when no filter uses them."""
    return sorted(p for p in directory.iterdir() if p.is_dir() and p != switch.directory)


def unpin(directory: Path) -> None:
    """Removes the pins of one layout: its tables are gone when no program uses them any more."""
    for pin in directory.iterdir():
        pin.unlink()
    directory.rmdir()


def mount(directory: Path) -> None:
    """A bpffs of our own, outside /sys, which `ip netns exec` hides."""
    directory.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(directory):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.fsencode(directory)
    checked(libc.mount(b"bpf", target, b"bpf", 0, b"mode=0700"), f"mount bpffs on {directory}")


def unmount(directory: Path) -> None:
    """With it go all pins: what no filter uses is freed."""
    libc = ctypes.CDLL(None, use_errno=True)
    checked(libc.umount2(os.fsencode(directory), 0), f"unmount {directory}")


def _maps(handle: int) -> dict[str, int]:
    """The tables, without the compiler's own sections (`switch.rodata`)."""
    steps = _walk(lib.bpf_object__next_map, handle)
    named = {lib.bpf_map__name(entry).decode(): entry for entry in steps}
    return {name: entry for name, entry in named.items() if "." not in name}


def _programs(handle: int) -> dict[str, int]:
    steps = _walk(lib.bpf_object__next_program, handle)
    return {lib.bpf_program__name(p).decode(): p for p in steps}


def _walk(step: "ctypes._NamedFuncPointer", handle: int) -> Iterator[int]:
    entry = step(handle, None)
    while entry:
        yield entry
        entry = step(handle, entry)


def _layout(handle: int) -> str:
    facts = ("type", "key_size", "value_size", "max_entries", "map_flags")
    ask = [getattr(lib, f"bpf_map__{fact}") for fact in facts]
    text = sorted((name, *(fact(m) for fact in ask)) for name, m in _maps(handle).items())
    return hashlib.sha256(repr(text).encode()).hexdigest()[:16]


def _choose(handle: int, directory: Path, programs: tuple[str, ...]) -> None:
    for name, entry in _maps(handle).items():
        lib.bpf_map__set_pin_path(entry, os.fsencode(directory / name))
    for name, entry in _programs(handle).items():
        lib.bpf_program__set_autoload(entry, name in programs)


def _table(name: str, entry: int) -> Table:
    return Table(
        name=name,
        fd=os.dup(lib.bpf_map__fd(entry)),
        kind=lib.bpf_map__type(entry),
        key_size=lib.bpf_map__key_size(entry),
        value_size=lib.bpf_map__value_size(entry),
        max_entries=lib.bpf_map__max_entries(entry),
    )


def _program(name: str, entry: int, directory: Path) -> Program:
    fd = os.dup(lib.bpf_program__fd(entry))
    number, tag = _identify(fd, name)
    path = directory / f"program_{name}"
    fresh = path.with_name(path.name + "_new")
    fresh.unlink(missing_ok=True)
    checked(lib.bpf_obj_pin(fd, os.fsencode(fresh)), f"pin {path}")
    fresh.rename(path)
    label = f"polpo-{name}-{tag}-{directory.name[:8]}"
    return Program(name=name, fd=fd, id=number, tag=tag, label=label, path=path)


def _identify(fd: int, name: str) -> tuple[int, str]:
    """Id and tag, from struct bpf_prog_info: type u32, id u32, tag u8[8], ..."""
    info = ctypes.create_string_buffer(16)
    size = ctypes.c_uint32(len(info))
    checked(lib.bpf_obj_get_info_by_fd(fd, info, ctypes.byref(size)), f"describe {name}")
    return int.from_bytes(info.raw[4:8], "little"), info.raw[8:16].hex()
