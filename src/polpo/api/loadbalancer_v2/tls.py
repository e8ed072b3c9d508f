"""Fields about TLS, of listeners and pools. References are kept as they are given."""

import re
from typing import Any

from polpo.api.loadbalancer_v2.fields import optional
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import Attribute
from polpo.api.network_v2.values import Kind

VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
PROTOCOLS = ("http/1.0", "http/1.1", "h2")


def _matching(pattern: str, longest: int, what: str) -> Kind:
    string = values.text(longest)

    def read(value: Any) -> str:
        value = string.read(value)
        if not re.fullmatch(pattern, value):
            raise ValueError(f"'{value}' is not a valid {what}")
        return str(value)

    return Kind(read, string.schema)


REFERENCE = _matching(r"[\x21-\x7e]+", 255, "reference")
CIPHERS = _matching(r"[A-Za-z0-9_+!@=:.-]+", 2048, "list of ciphers")


def shared() -> dict[str, Attribute]:
    """What listeners and pools both have."""
    return {
        "tls_ciphers": optional(CIPHERS, ""),
        "tls_versions": optional(values.list_of(values.one_of(*VERSIONS)), ()),
        "alpn_protocols": optional(values.list_of(values.one_of(*PROTOCOLS)), ()),
    }


def reference() -> Attribute:
    return optional(REFERENCE, "")
