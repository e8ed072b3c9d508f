"""`any`: questions for all types get the least that is an answer."""

from __future__ import annotations

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, no_block, once


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> None:
    directive = once(directives)
    arguments(directive, 0)
    no_block(directive)
