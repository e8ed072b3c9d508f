"""polpo's image: Python, what polpo needs of other people's, HAProxy; above it polpo itself.

Two layers, so that what seldom changes is made and moved once. Each is kept by what it is made of.
"""

import hashlib
import os
import shutil
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import polpo
from polpo.image import archive, libraries, python
from polpo.image.archive import Image
from polpo.image.layers import Entry, folder, layer

FORMAT = "3"  # another is made anew
PROGRAMS = ("haproxy",)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NOBODY = "65534:65534"
NOBODYS = "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
ETC = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\n{NOBODYS}",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
START = f"#!/usr/local/bin/{python.VERSION}\nfrom polpo.cli.main import main\nmain()\n"


class Missing(Exception):
    """A program that the image is to have is not here."""


def build(path: Path, tags: Iterable[str], cache: Path) -> None:
    """Writes the image's archive. Nothing of it depends on the time or on who makes it."""
    layers = (
        _kept(cache, _base_fingerprint(), _base),
        _kept(cache, _own_fingerprint(), _own),
    )
    settings = {
        "Entrypoint": ["/usr/local/bin/polpo"],
        "Env": ["PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin", "PYTHONUNBUFFERED=1"],
        "User": NOBODY,
        "WorkingDir": "/",
    }
    archive.write(path, [Image(tuple(tags), layers, settings)])


def fingerprint() -> str:
    """Differs when the image would."""
    return hashlib.sha256(f"{_base_fingerprint()} {_own_fingerprint()}".encode()).hexdigest()


def cache() -> Path:
    """Where what was made is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "polpo" / "image"


def _kept(cache: Path, key: str, make: Callable[[], Iterator[Entry]]) -> bytes:
    path = cache / f"{make.__name__.strip('_')}-{key[:16]}.tar"
    if path.exists():
        return path.read_bytes()
    made = layer(make())
    cache.mkdir(parents=True, exist_ok=True)
    for stale in cache.glob(f"{make.__name__.strip('_')}-*.tar"):
        stale.unlink(missing_ok=True)
    part = cache / f".{path.name}.{os.getpid()}"
    part.write_bytes(made)
    part.rename(path)
    return made


def _base() -> Iterator[Entry]:
    files = [*python.standard_library(), *python.packages(python.needed("polpo"))]
    yield from python.entries(files)
    binaries = {f"usr/local/bin/{python.VERSION}": python.interpreter(), **_programs()}
    for path, file in binaries.items():
        yield Entry(path, file.read_bytes(), mode=0o755)
    linked = [file for _, file in files if file.suffix == ".so" and libraries.is_linked(file)]
    inside = {file.resolve() for _, file in files}
    for name, file in libraries.libraries([*binaries.values(), *linked]):
        if file.resolve() not in inside:  # wheels bring some of their own
            where = name.lstrip("/") if "/" in name else f"{_libraries()}/{name}"
            yield Entry(where, file.read_bytes(), mode=0o755)
    yield Entry("usr/local/bin/python3", link=python.VERSION)
    yield from (Entry(path, text.encode()) for path, text in ETC.items())
    if CERTIFICATES.exists():
        yield Entry(str(CERTIFICATES).lstrip("/"), CERTIFICATES.read_bytes())
    yield from (folder("tmp", 0o1777), folder("run"), folder("proc"), folder("sys"), folder("dev"))


def _own() -> Iterator[Entry]:
    yield from python.entries(python.package(Path(polpo.__file__).parent))
    of = distribution("polpo")
    metadata = (of.read_text("METADATA") or "").encode()
    yield Entry(f"{python.PACKAGES}/polpo-{of.version}.dist-info/METADATA", metadata)
    yield Entry("usr/local/bin/polpo", START.encode(), mode=0o755)


def _libraries() -> str:
    """Where the loader looks without being told."""
    return f"lib/{sysconfig.get_config_var('MULTIARCH')}"


def _programs() -> dict[str, Path]:
    found = {name: shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in PROGRAMS}
    if missing := [name for name, path in found.items() if path is None]:
        raise Missing(f"the image is to have {', '.join(missing)}, which is not here")
    return {f"usr/local/sbin/{name}": Path(str(path)) for name, path in found.items()}


def _base_fingerprint() -> str:
    digest = hashlib.sha256(f"{FORMAT} {python.fingerprint(python.needed('polpo'))}".encode())
    for file in (python.interpreter(), *_programs().values()):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _own_fingerprint() -> str:
    digest = hashlib.sha256(f"{FORMAT} {python.VERSION}".encode())
    for path, file in python.package(Path(polpo.__file__).parent):
        digest.update(f"\0{path}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
