"""`minimal`: replies without what nobody asked for."""

from __future__ import annotations

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, no_block, once


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> None:
    directive = once(directives)
    arguments(directive, 0)
    no_block(directive)
