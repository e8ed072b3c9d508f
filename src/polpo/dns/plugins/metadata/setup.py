"""`metadata [ZONES...]`: what plugins know about a query, by label, for plugins that ask."""

from __future__ import annotations

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import no_block, once, zones


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[bytes, ...]:
    """The zones in which it is gathered."""
    directive = once(directives)
    no_block(directive)
    return zones(directive, directive.arguments, block.zones)
