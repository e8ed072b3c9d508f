"""Documents by path, as the metadata services list them."""

from collections.abc import Mapping

import msgspec


class Document(msgspec.Struct, frozen=True):
    body: bytes
    kind: str = "text/plain; charset=utf-8"


class Folder(msgspec.Struct, frozen=True):
    """`labels`: how a child is listed, if not by its name (folders: with a slash)."""

    children: "Mapping[str, Folder | Document]"
    labels: Mapping[str, str] = {}

    def find(self, path: list[str]) -> "Folder | Document | None":
        """None for what is not there."""
        if not path:
            return self
        child = self.children.get(path[0])
        if isinstance(child, Folder):
            return child.find(path[1:])
        return child if len(path) == 1 else None

    def listing(self) -> Document:
        lines = (self.labels.get(name) or _label(name, x) for name, x in self.children.items())
        return Document("\n".join(lines).encode())


def _label(name: str, child: Folder | Document) -> str:
    return f"{name}/" if isinstance(child, Folder) else name


def text(value: str) -> Document:
    return Document(value.encode())
