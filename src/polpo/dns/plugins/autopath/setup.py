"""`autopath [ZONES...] RESOLV-CONF|@kubernetes`: search paths are followed by the server."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, no_block, once, zones
from polpo.dns.counts import Metric
from polpo.dns.wire.name import from_text

SUCCESS = Metric(
    "coredns_autopath_success_total",
    "counter",
    "Counter of requests that did an autopath.",
    ("server",),
)
METRICS = (SUCCESS,)


class Autopath(NamedTuple):
    """`search`: domains (wire form), or `provider`: the plugin that knows them for each client."""

    zones: tuple[bytes, ...]
    search: tuple[bytes, ...] = ()
    provider: str = ""


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Autopath:
    directive = once(directives)
    no_block(directive)
    words = arguments(directive, 1, 1000)
    source = words[-1]
    where = zones(directive, words[:-1], block.zones)
    if source.startswith("@"):
        return Autopath(where, provider=source[1:])
    try:
        return Autopath(where, tuple(map(from_text, source.split(","))))
    except ValueError as wrong:
        raise directive.wrong(f"{source}: {wrong}") from wrong


def expand(directive: Directive) -> Directive:
    """The file's search list instead of its name, joined by commas."""
    if not directive.arguments or directive.arguments[-1].startswith("@"):
        return directive
    path = directive.arguments[-1]
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError as failed:
        raise directive.wrong(f"{path} cannot be read: {failed.strerror}") from failed
    search = [line.split()[1:] for line in lines if line.startswith(("search", "domain"))]
    if not search or not search[-1]:
        raise directive.wrong(f"{path} has no search line")
    return directive._replace(arguments=(*directive.arguments[:-1], ",".join(search[-1])))
