"""Certificates that a host's operator has put there, for references of the form `file:///NAME`:
<certificate_dir>/<project's id>/NAME, PEM with key and chain, or a CA's, or a CRL. A project can
name its own only. Another file in its place is seen in the next pass.

HAProxy is given a copy, named by its content: so it is told of another one, and keeps what it had
when the file is spoilt or gone.
"""

import os
import re
import ssl
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from polpo.runtime.files import replace_file

SCHEME = "file:///"
MOST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Copy(NamedTuple):
    """`mark`: the file as it was; why it can't be used, None if it can."""

    mark: tuple[int, ...]
    path: Path | None
    why: str | None


class Mounted:
    """`directory` None: there are none on this host. `copies`: where ours go."""

    def __init__(self, directory: Path | None, copies: Path) -> None:
        self._directory, self._copies = directory, copies
        self._known: dict[tuple[str, str], Copy] = {}

    def path(self, project: str, ref: str) -> Path | None:
        """The copy of what is there; of what was there, if that can't be used."""
        return self._look(project, ref).path

    def trouble(self, project: str, ref: str) -> str | None:
        """In words that tell a tenant nothing of the host."""
        why = self._look(project, ref).why
        return f"{ref}: {why}" if why else None

    def kept(self) -> set[Path]:
        return {copy.path for copy in self._known.values() if copy.path is not None}

    def keep_only(self, refs: set[tuple[str, str]]) -> None:
        self._known = {key: copy for key, copy in self._known.items() if key in refs}

    def _look(self, project: str, ref: str) -> Copy:
        before = self._known.get((project, ref), Copy((), None, None))
        name = ref.removeprefix(SCHEME)
        if self._directory is None or not (_NAME.fullmatch(name) and _NAME.fullmatch(project)):
            return before._replace(why="there is no such file")
        try:
            found = self._read(self._directory / project / name, before)
        except OSError:
            found = before._replace(mark=(), why="there is no such file")
        self._known[project, ref] = found
        return found

    def _read(self, path: Path, before: Copy) -> Copy:
        at = os.stat(path)
        mark = (at.st_ino, at.st_mtime_ns, at.st_ctime_ns, at.st_size)
        if mark == before.mark and (before.path is None or before.path.exists()):
            return before
        if at.st_size > MOST_BYTES:
            return before._replace(mark=mark, why="it is too large for a certificate")
        content = path.read_bytes()
        self._copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = self._copies / f"{sha256(content).hexdigest()}.pem"
        replace_file(copy, content)
        why = wrong(copy, content)
        return before._replace(mark=mark, why=why) if why else Copy(mark, copy, None)


def wrong(path: Path, content: bytes) -> str | None:
    """Why HAProxy would not take it, and with it none of a load balancer's listeners."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if b"PRIVATE KEY-----" in content:
            context.load_cert_chain(path, password="")
        else:
            context.load_verify_locations(path)
    except (ssl.SSLError, ValueError):
        return "it is no certificate with its own key, nor a CA's, nor a CRL (PEM)"
    return None
