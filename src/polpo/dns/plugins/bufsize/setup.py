"""`bufsize [SIZE]`: no UDP message is longer, whatever the asker would take."""

from __future__ import annotations

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, integer, no_block, once

DEFAULT = 1232


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> int:
    directive = once(directives)
    no_block(directive)
    words = arguments(directive, 0, 1)
    return integer(directive, words[0], 512, 4096) if words else DEFAULT
