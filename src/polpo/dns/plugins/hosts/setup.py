"""`hosts [FILE [ZONES...]] { ... }`: addresses out of a file like /etc/hosts, and lines here."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, integer, once, zones
from polpo.dns.counts import Metric
from polpo.dns.plugins.hosts.entries import Line, read_line

DEFAULT_FILE = "/etc/hosts"
OPTIONS = ("ttl", "no_reverse", "reload", "fallthrough")
ENTRIES = Metric("coredns_hosts_entries", "gauge", "The combined number of entries in hosts.")
RELOADED = Metric(
    "coredns_hosts_reload_timestamp_seconds",
    "gauge",
    "The timestamp of the last reload of hosts file.",
)
METRICS = (ENTRIES, RELOADED)


class Hosts(NamedTuple):
    """`through`: zones whose unknown names go to the next plugin."""

    file: str
    zones: tuple[bytes, ...]
    lines: tuple[Line, ...] = ()
    ttl_s: int = 3600
    reverse: bool = True
    reload_s: float = 5.0
    through: tuple[bytes, ...] = ()


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Hosts:
    directive = once(directives)
    words = directive.arguments
    file = words[0] if words else DEFAULT_FILE
    value = Hosts(file, zones(directive, words[1:], block.zones))
    lines: list[Line] = []
    for option in directive.block:
        if option.name in OPTIONS:
            value = _option(value, option)
            continue
        line = read_line([option.name, *option.arguments])
        if line is None:
            allowed = ", ".join(OPTIONS)
            raise option.wrong(f"neither ADDRESS NAME... nor an option; those are {allowed}")
        lines.append(line)
    return value._replace(lines=tuple(lines))


def _option(value: Hosts, option: Directive) -> Hosts:
    match option.name:
        case "ttl":
            return value._replace(ttl_s=integer(option, arguments(option, 1)[0], 1, 65535))
        case "no_reverse":
            arguments(option, 0)
            return value._replace(reverse=False)
        case "reload":
            return value._replace(reload_s=duration_s(option, arguments(option, 1)[0]))
    return value._replace(through=zones(option, option.arguments, value.zones))
