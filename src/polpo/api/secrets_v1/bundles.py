"""A certificate with its key and chain, as HAProxy reads it (PEM), of what a reference leads to.

That is a container of type `certificate`, or a secret with all of it: PEM, or PKCS#12 without a
password (as Octavia takes it).
"""

import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from polpo.api.secrets_v1.sealing import Seal
from polpo.model.secret import Secret, SecretContainer, id_in
from polpo.model.snapshot import Snapshot

PEM = b"-----BEGIN "
_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class NoCertificate(Exception):
    """What is there can't be used; says why, and nothing of what is secret."""


def payloads(seal: Seal, snapshot: Snapshot, ref: str) -> dict[str, bytes]:
    """What the reference leads to: by name of a container's parts, by "" of a single secret.

    Raises NoCertificate, Unopened.
    """
    id = id_in(ref)
    container = snapshot.get(SecretContainer, id)
    named = [("", id)] if container is None else [(r.name, r.secret_id) for r in container.secrets]
    return {name: _payload(seal, snapshot, secret) for name, secret in named}


def _payload(seal: Seal, snapshot: Snapshot, id: str) -> bytes:
    secret = snapshot.get(Secret, id)
    if secret is None or not secret.sealed:
        raise NoCertificate("there is no such secret, or it has no payload")
    return seal.open(secret.id, secret.sealed)


def bundle(found: Mapping[str, bytes]) -> bytes:
    """Of payloads. Raises NoCertificate. As long as whoever has made them wants it to: see
    `bundling`.
    """
    try:
        return _of_secret(found[""]) if "" in found else _of_container(found)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NoCertificate(str(error)) from None


def _of_container(found: Mapping[str, bytes]) -> bytes:
    if "certificate" not in found:
        raise ValueError("the container has no certificate")
    parts = [found["certificate"], found.get("intermediates", b"")]
    if "private_key" in found:
        password = found.get("private_key_passphrase")
        key = serialization.load_pem_private_key(found["private_key"], password)
        parts.insert(1, _checked(key, x509.load_pem_x509_certificate(found["certificate"])))
    return b"\n".join(part.strip() for part in parts if part.strip()) + b"\n"


def _of_secret(payload: bytes) -> bytes:
    if PEM in payload:
        _check_key(payload)
        return payload.strip() + b"\n"
    key, certificate, more = pkcs12.load_key_and_certificates(payload, None)
    if key is None or certificate is None:
        raise ValueError("PKCS#12 without a key, or without its certificate")
    chain = [certificate, *more]
    texts = [x.public_bytes(serialization.Encoding.PEM) for x in chain]
    texts.insert(1, _checked(key, certificate))
    return b"".join(texts)


def _check_key(text: bytes) -> None:
    """ValueError if there is a key that is not the first certificate's: HAProxy would take none of
    a load balancer's listeners with it.
    """
    found = _KEY.search(text)
    if found is not None:
        key = serialization.load_pem_private_key(found[0], None)
        _checked(key, x509.load_pem_x509_certificates(text)[0])


def _checked(key: object, certificate: x509.Certificate) -> bytes:
    """The key's text. ValueError if it is not the certificate's."""
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    own = key.public_key().public_bytes(encoding, kind)  # type: ignore[attr-defined]
    if own != certificate.public_key().public_bytes(encoding, kind):
        raise ValueError("the private key is not the certificate's")
    text = key.private_bytes(  # type: ignore[attr-defined]
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return bytes(text)
