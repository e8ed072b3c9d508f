"""Certificates and keys from Secrets, looked at before HAProxy sees them."""

from __future__ import annotations

import base64
import binascii
import functools
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from polpo.ingress.wrong import Wrong
from polpo.kube.objects import Secret
from polpo.runtime.self_signed import self_signed
from polpo.runtime.tls import server_context


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
    return _accepted(public + written, name).decode()


def _accepted(pem: bytes, name: str) -> bytes:
    """The same. Wrong if OpenSSL, as HAProxy has it, does not take it (a key that is too small):
    HAProxy would take no change of anybody's with it.
    """
    try:
        server_context(pem)
    except ssl.SSLError as error:
        raise Wrong(f"Secret {name}: its certificate can't be used: {error.reason}") from None
    return pem


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
    return b"".join(self_signed("polpo ingress: no certificate")).decode()
