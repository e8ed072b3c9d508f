"""Who `polpo policy` is to DNS servers that tell it: certificate and token, new each time."""

from __future__ import annotations

import os
import secrets
import ssl
from typing import NamedTuple

from polpo.kube.domains import SERVER_NAME
from polpo.runtime.self_signed import self_signed


class Identity(NamedTuple):
    """`certificate` in PEM: of nobody but ourselves, so who has it trusts it and no other."""

    context: ssl.SSLContext
    certificate: str
    token: str


def new_identity() -> Identity:
    made = self_signed(SERVER_NAME, SERVER_NAME)
    context = _context(made.certificate + made.key)
    return Identity(context, made.certificate.decode(), secrets.token_urlsafe())


def _context(pair: bytes) -> ssl.SSLContext:
    """OpenSSL reads a key from files only, and we may write none: this one is in memory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = os.memfd_create("identity")
    try:
        os.write(file, pair)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return context
