"""`domains { hold DURATION }`: tells `polpo policy` the addresses of answers under wildcards."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, once, unknown
from polpo.dns.counts import Metric

LONGEST_S = 1.0
_SERVER = ("server",)
TOLD = Metric("polpo_dns_domains_told_total", "counter", "Addresses that were told.", _SERVER)
HELD = Metric("polpo_dns_domains_held_total", "counter", "Answers that waited for hosts.", _SERVER)
LATE = Metric(
    "polpo_dns_domains_late_total",
    "counter",
    "Answers with addresses that hosts may not have known when it was sent.",
    _SERVER,
)
PATTERNS = Metric("polpo_dns_domains_patterns", "gauge", "Wildcards that policies name.")
UNTOLD = Metric("polpo_dns_domains_untold", "gauge", "Addresses that are still to be told.")
LOST = Metric(
    "polpo_dns_domains_lost_total", "counter", "Addresses that there was no room for to tell later."
)
AWAY = Metric("polpo_dns_domains_away", "gauge", "1 while no answer waits: it would be in vain.")
METRICS = (TOLD, HELD, LATE, PATTERNS, UNTOLD, LOST, AWAY)


class Domains(NamedTuple):
    """`hold_s`: how long an answer may wait until hosts have its addresses."""

    hold_s: float = 0.1


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Domains:
    directive = once(directives)
    arguments(directive, 0)
    if block.named("autopath"):
        raise directive.wrong("not with autopath, which answers another name than a pod means")
    value = Domains()
    for option in directive.block:
        if option.name != "hold":
            unknown(directive, option, ("hold",))
        hold_s = duration_s(option, arguments(option, 1)[0])
        if hold_s > LONGEST_S:
            raise option.wrong("at most 1s: clients ask again")
        value = Domains(hold_s)
    return value
