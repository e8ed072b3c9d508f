"""Server blocks to what has to be listened on, checked: a wrong Corefile is refused here. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from polpo.dns.corefile.address import PORTS
from polpo.dns.corefile.block import CorefileError, Directive, ServerBlock
from polpo.dns.plugin import ORDER, setup_of
from polpo.dns.plugins.bind.setup import hosts_of
from polpo.dns.wire.name import to_text

EVERYWHERE = ""  # a host: all addresses of both families


class Planned(NamedTuple):
    """One server to be: where it listens, and the blocks for each zone: one, or several of which
    all but the last have views."""

    scheme: str
    host: str
    port: int
    zones: dict[bytes, list[int]]

    @property
    def label(self) -> str:
        """As CoreDNS writes it: dns://:53, dns://[::1]:53."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Plan(NamedTuple):
    """A Corefile that can be served."""

    blocks: list[ServerBlock]
    servers: list[Planned]
    digest: str = ""


def make_plan(blocks: Sequence[ServerBlock], port: int, digest: str = "") -> Plan:
    """CorefileError if anything is wrong with a block. `port` is that of addresses without one."""
    expanded = [_check(block) for block in blocks]
    servers: dict[tuple[str, str, int], Planned] = {}
    for index, block in enumerate(expanded):
        for address in block.addresses:
            own_port = address.port or (port if address.scheme == "dns" else PORTS[address.scheme])
            if address.scheme != "dns" and not block.named("tls"):
                words = f"{address.scheme}:// needs the directive tls"
                raise CorefileError(block.file, block.line, words)
            for host in hosts_of(block):
                key = (address.scheme, host, own_port)
                server = servers.setdefault(key, Planned(*key, {}))
                owners = server.zones.setdefault(address.zone, [])
                if owners and owners[-1] != index and not expanded[owners[-1]].named("view"):
                    words = f"{to_text(address.zone)} at {server.label} is in another block already"
                    raise CorefileError(block.file, block.line, words)
                if index not in owners:
                    owners.append(index)
    return Plan(expanded, list(servers.values()), digest)


def _check(block: ServerBlock) -> ServerBlock:
    """The block with its files read, if each of its directives is right."""
    names = dict.fromkeys(directive.name for directive in block.directives)
    for directive in block.directives:
        if directive.name not in ORDER:
            raise CorefileError(directive.file, directive.line, _unknown(directive.name))
    block = block._replace(directives=tuple(map(_expand, block.directives)))
    for name in names:
        setup_of(name).parse(block.named(name), block)
    return block


def _expand(directive: Directive) -> Directive:
    expand = getattr(setup_of(directive.name), "expand", None)
    return expand(directive) if expand is not None else directive


def _unknown(name: str) -> str:
    near = get_close_matches(name, ORDER, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"no directive {name}{hint}; there are: {', '.join(sorted(ORDER))}"
