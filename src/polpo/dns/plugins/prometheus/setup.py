"""`prometheus [ADDRESS]`: a page with all metrics."""

from __future__ import annotations

from polpo.dns.corefile.address_words import http_address
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, no_block, once


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> str:
    directive = once(directives)
    no_block(directive)
    return http_address(directive, arguments(directive, 0, 1), "localhost:9153")
