"""What a server block's `tls` makes of a listener."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugins.tls.setup import parse

_CLIENTS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


ALPN = {"tls": ["dot"], "https": ["h2", "http/1.1"]}


def server_context(blocks: Iterable[ServerBlock], scheme: str) -> ssl.SSLContext:
    """The context of the first block that has `tls`; the files are read now."""
    block = next(block for block in blocks if block.named("tls"))
    value = parse(block.named("tls"), block)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(value.certificate, value.key)
    if value.authority:
        context.load_verify_locations(value.authority)
    context.verify_mode = _CLIENTS[value.clients]
    context.set_alpn_protocols(ALPN[scheme])
    return context
