"""A server's TLS context from a pair in memory."""

from __future__ import annotations

import os
import ssl


def server_context(pair: bytes) -> ssl.SSLContext:
    """`pair`: certificate, chain and key in PEM. OpenSSL reads a key from files only, and we may
    write none: this one is in memory. ssl.SSLError for what no server could show.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = os.memfd_create("identity")
    try:
        os.write(file, pair)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return context
