"""Who `polpo policy` is to DNS servers that tell it: certificate and token, new each time."""

from __future__ import annotations

import secrets
import ssl
from typing import NamedTuple

from polpo.kube.domains import SERVER_NAME
from polpo.runtime.self_signed import self_signed
from polpo.runtime.tls import server_context


class Identity(NamedTuple):
    """`certificate` in PEM: of nobody but ourselves, so who has it trusts it and no other."""

    context: ssl.SSLContext
    certificate: str
    token: str


def new_identity() -> Identity:
    made = self_signed(SERVER_NAME, SERVER_NAME)
    context = server_context(made.certificate + made.key)
    return Identity(context, made.certificate.decode(), secrets.token_urlsafe())
