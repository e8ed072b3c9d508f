"""The shared libraries that programs and modules are linked with, by the loader's own word."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ELF = b"\x7fELF"
AT_ONCE = 200


class NotLinked(Exception):
    """A library is missing here."""


def is_linked(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ELF


def libraries(files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(Name as it is looked for, file); the loader, too, by its whole path."""
    found: dict[str, Path] = {}
    todo = [str(file) for file in files]
    for first in range(0, len(todo), AT_ONCE):
        words = ["ldd", *todo[first : first + AT_ONCE]]
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        for name, path in _read(said):
            found.setdefault(name, path)
    yield from sorted(found.items())


def _read(said: str) -> Iterator[tuple[str, Path]]:
    for line in said.splitlines():
        name, arrow, rest = line.strip().partition(" => ")
        if arrow:
            if rest.startswith("not found"):
                raise NotLinked(f"{name}: not found")
            yield name, Path(rest.split(" (")[0])
        elif line.startswith("\t/"):  # the loader
            path = line.strip().split(" (")[0]
            yield path, Path(path)
