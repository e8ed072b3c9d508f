"""The Corefile and what it imports, from disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from polpo.dns.corefile.block import CorefileError, ServerBlock
from polpo.dns.corefile.parse import Sources, parse

DEFAULT = ".:{port} {{\n    whoami\n    log\n}}\n"


def read_corefile(path: Path, port: int) -> tuple[list[ServerBlock], str]:
    """The blocks, and a digest of all text that they were made of (SHA-512, hexadecimal).

    Without a file called Corefile the server is CoreDNS's default: whoami on the port.
    """
    if not path.exists() and path == Path("Corefile"):
        text = DEFAULT.format(port=port)
    else:
        text = _text(path)
    digest = hashlib.sha512(text.encode())

    def files(pattern: str, file: str) -> Sequence[tuple[str, str]]:
        found = []
        for name in _names(pattern, Path(file).parent):
            content = _text(Path(name))
            digest.update(content.encode())
            found.append((name, content))
        return found

    blocks = parse(text, str(path), Sources(files, os.environ))
    return blocks, digest.hexdigest()


def _names(pattern: str, folder: Path) -> list[str]:
    whole = str(folder / pattern)
    if not has_magic(whole):
        return [whole]
    return sorted(name for name in glob(whole) if Path(name).is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError as wrong:
        raise CorefileError(str(path), 1, "it is no UTF-8 text") from wrong
