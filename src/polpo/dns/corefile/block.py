"""What a Corefile says, as values."""

from __future__ import annotations

from typing import NamedTuple


class CorefileError(Exception):
    """What is wrong, where, and what would be right."""

    def __init__(self, file: str, line: int, words: str) -> None:
        super().__init__(f"{file}:{line}: {words}")
        self.file = file
        self.line = line
        self.words = words


class Token(NamedTuple):
    """A word and where it stands. `quoted` words are never braces."""

    text: str
    file: str
    line: int
    quoted: bool = False


class Directive(NamedTuple):
    """One line: its first word, the others, and the lines between braces if there are any."""

    name: str
    arguments: tuple[str, ...]
    block: tuple[Directive, ...] = ()
    file: str = "Corefile"
    line: int = 0

    def wrong(self, words: str) -> CorefileError:
        """An error at this line."""
        return CorefileError(self.file, self.line, f"{self.name}: {words}")


class Address(NamedTuple):
    """One zone that a block serves (wire form), how and where. `port` 0: the scheme's own."""

    scheme: str
    zone: bytes
    port: int


class ServerBlock(NamedTuple):
    """Addresses and the directives for them, in the order of the file."""

    addresses: tuple[Address, ...]
    directives: tuple[Directive, ...]
    file: str = "Corefile"
    line: int = 0

    @property
    def zones(self) -> tuple[bytes, ...]:
        """Each zone once."""
        return tuple(dict.fromkeys(address.zone for address in self.addresses))

    def named(self, name: str) -> tuple[Directive, ...]:
        """All directives of this name."""
        return tuple(directive for directive in self.directives if directive.name == name)
