"""`tls CERT KEY [CA] { client_auth nocert|request|require|verify_if_given|require_and_verify }`."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once, one_of, unknown

CHOICES = {
    "nocert": "none",
    "request": "none",
    "require": "required",
    "verify_if_given": "optional",
    "require_and_verify": "required",
}


class Tls(NamedTuple):
    """Files of the server's certificate; of the authority of clients; what is asked of them."""

    certificate: str
    key: str
    authority: str = ""
    clients: str = "none"


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Tls:
    directive = once(directives)
    words = arguments(directive, 2, 3)
    clients = "none"
    for option in directive.block:
        if option.name != "client_auth":
            unknown(directive, option, ("client_auth",))
        clients = one_of(option, arguments(option, 1)[0], CHOICES)
    if clients != "none" and len(words) < 3:
        raise directive.wrong("client_auth needs the file of an authority")
    return Tls(words[0], words[1], words[2] if len(words) > 2 else "", clients)
