"""Certificates and keys from Secrets, looked at before HAProxy sees them."""

from __future__ import annotations

import base64
import binascii
import datetime
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from polpo.ingress.objects import Secret
from polpo.ingress.wrong import Wrong


def text_of(secret: Secret, name: str) -> str:
    """One of its contents. Wrong if it is not there, or no text."""
    given = (secret.data or {}).get(name)
    if given is None:
        raise Wrong(f"Secret {secret.metadata.name} has no {name}")
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Wrong(f"Secret {secret.metadata.name}: {name} is no text") from None


def pair(secret: Secret) -> str:
    """Certificate, chain and key in one (PEM). Wrong if they do not belong together."""
    return _checked(text_of(secret, "tls.crt"), text_of(secret, "tls.key"), secret.metadata.name)


@functools.lru_cache(maxsize=4096)
def _checked(certificate: str, key: str, name: str) -> str:
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:
        raise Wrong(f"Secret {name}: no certificate with its key: {error}") from None
    if _public(chain[0].public_key()) != _public(private.public_key()):
        raise Wrong(f"Secret {name}: the key is not the certificate's")
    public = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    written = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (public + written).decode()


def authority(text: str) -> str:
    """One or several certificates (PEM), rewritten. Wrong if there is none."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise Wrong(f"no certificates: {error}") from None
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in found).decode()


def _public(key: object) -> bytes:
    found: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


@functools.cache
def stand_in() -> str:
    """For who asks for no name that has a certificate: nobody vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "polpo ingress: no certificate")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (built.public_bytes(serialization.Encoding.PEM) + private).decode()
