"""`ready [ADDRESS] { monitor until-ready|continuously }`: a page for readiness probes."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.address_words import http_address
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once, one_of, unknown


class Ready(NamedTuple):
    """`once`: what was ready stays so."""

    address: str = ":8181"
    once: bool = True


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Ready:
    directive = once(directives)
    address = http_address(directive, arguments(directive, 0, 1), ":8181")
    until_ready = True
    for option in directive.block:
        if option.name != "monitor":
            unknown(directive, option, ("monitor",))
        choices = {"until-ready": True, "continuously": False}
        until_ready = one_of(option, arguments(option, 1)[0], choices)
    return Ready(address, until_ready)
