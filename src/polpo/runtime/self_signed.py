"""A certificate of nobody but ourselves: nobody vouches for it."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEFORE, AFTER = datetime.timedelta(days=1), datetime.timedelta(days=3650)


class SelfSigned(NamedTuple):
    """Both in PEM."""

    certificate: bytes
    key: bytes


def self_signed(common_name: str, host: str = "") -> SelfSigned:
    """Made anew; `host` is the name that clients are to find in it, if any."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - BEFORE).not_valid_after(now + AFTER)
    if host:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    return SelfSigned(
        builder.sign(key, hashes.SHA256()).public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none),
    )
