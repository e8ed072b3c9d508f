"""`reload [INTERVAL] [JITTER]`: how often the Corefile is looked at."""

from __future__ import annotations

import random
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, no_block, once

SHORTEST_S = 2.0


class Reloading(NamedTuple):
    """Seconds between looks; each differs by up to the jitter, so that replicas do not reload at
    the same moment."""

    every_s: float = 30.0
    jitter_s: float = 15.0

    def pause_s(self) -> float:
        return max(self.every_s + random.uniform(-1, 1) * self.jitter_s, 0.1)


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Reloading:
    directive = once(directives)
    no_block(directive)
    words = arguments(directive, 0, 2)
    every_s = duration_s(directive, words[0]) if words else 30.0
    if every_s and every_s < SHORTEST_S:
        raise directive.wrong(f"the interval is at least {SHORTEST_S:g}s, or 0 for never")
    jitter_s = duration_s(directive, words[1]) if len(words) > 1 else every_s / 2
    return Reloading(every_s, min(jitter_s, every_s / 2))


def reloading_of(block: ServerBlock) -> Reloading | None:
    directives = block.named("reload")
    return parse(directives, block) if directives else None
