"""The interpreter that runs this, its standard library, and what of other people polpo needs."""

import hashlib
import importlib.metadata
import importlib.util
import marshal
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement

from polpo.image.layers import Entry

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = f"usr/local/lib/{VERSION}"
PACKAGES = f"{LIBRARY}/site-packages"
NOT_NEEDED = {
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"),
    *("site-packages", "dist-packages", "__pycache__"),
}
NO_WINDOWS = ("config-", "_tkinter.")  # nothing is compiled against it, and it shows no windows
HEADER = importlib.util.MAGIC_NUMBER + (0b01).to_bytes(4, "little")  # PEP 552: by hash, unchecked


def needed(name: str) -> list[Distribution]:
    """What the distribution needs on this system, without itself, by name."""
    found: dict[str, Distribution] = {}
    todo, done = [Requirement(name)], set[str]()
    while todo:
        asked = todo.pop()
        if str(asked) in done:
            continue
        done.add(str(asked))
        distribution = importlib.metadata.distribution(asked.name)
        found[distribution.metadata["Name"].lower()] = distribution
        todo += _requirements(distribution, asked.extras or {""})
    found.pop(name)
    return [found[key] for key in sorted(found)]


def _requirements(distribution: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        wanted = Requirement(text)
        marker = wanted.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield wanted


def interpreter() -> Path:
    return Path(sys.base_prefix, "bin", VERSION).resolve()


def standard_library() -> Iterator[tuple[str, Path]]:
    """(Path in the image, file)."""
    root = Path(sysconfig.get_path("stdlib"))
    yield from _below(root, LIBRARY)


def packages(distributions: Iterable[Distribution]) -> Iterator[tuple[str, Path]]:
    for distribution in distributions:
        for file in distribution.files or ():
            where = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and not NOT_NEEDED & set(file.parts) and where.is_file():
                yield f"{PACKAGES}/{file}", where


def package(root: Path) -> Iterator[tuple[str, Path]]:
    """One package, from where it is imported."""
    yield from _below(root, f"{PACKAGES}/{root.name}")


def _below(root: Path, to: str) -> Iterator[tuple[str, Path]]:
    """Links are followed: some of polpo's folders are elsewhere in its repository."""
    folders = os.walk(root, followlinks=True)
    found = (Path(folder, name) for folder, _, names in folders for name in names)
    for path in sorted(found):
        parts = path.relative_to(root).parts
        left_out = NOT_NEEDED & set(parts) or any(part.startswith(NO_WINDOWS) for part in parts)
        if path.is_file() and not left_out:
            yield f"{to}/{'/'.join(parts)}", path


def entries(files: Iterable[tuple[str, Path]]) -> Iterator[Entry]:
    """With byte code beside each module, so that nobody compiles it at each start."""
    for path, file in files:
        content = file.read_bytes()
        yield Entry(path, content, mode=0o755 if file.stat().st_mode & 0o100 else 0o644)
        if path.endswith(".py") and (code := _byte_code(path, content)):
            stem = Path(path)
            name = f"{stem.stem}.{sys.implementation.cache_tag}.pyc"
            yield Entry(str(stem.parent / "__pycache__" / name), code)


def _byte_code(path: str, content: bytes) -> bytes:
    """b"" for what is a template of a module, or for another Python."""
    try:
        code = compile(content, f"/{path}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return b""
    return HEADER + importlib.util.source_hash(content) + marshal.dumps(code, 2)


def fingerprint(distributions: Iterable[Distribution]) -> str:
    """Differs when the interpreter or one of these does."""
    digest = hashlib.sha256(sys.version.encode())
    for distribution in distributions:
        digest.update((distribution.read_text("RECORD") or distribution.version).encode())
    return digest.hexdigest()
