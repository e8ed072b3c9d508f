"""Certificates with their keys, from containers and PKCS#12, or a word about why not."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from polpo.api.secrets_v1.bundles import NoCertificate, bundle, payloads
from polpo.api.secrets_v1.sealing import Seal
from polpo.model.secret import Secret, SecretContainer, SecretRef
from polpo.model.snapshot import Snapshot

SEAL = Seal([bytes(32)])
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3650))
        .sign(KEY, hashes.SHA256())
    )


CERTIFICATE = certificate()
CERT = CERTIFICATE.public_bytes(Encoding.PEM)


def pem(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


def container(**parts: bytes) -> Snapshot:
    snapshot = Snapshot()
    for name, payload in parts.items():
        snapshot = snapshot.put(Secret(id=name, sealed=SEAL.close(name, payload)))
    refs = tuple(SecretRef(name, name) for name in parts)
    return snapshot.put(SecretContainer(id="C", type="certificate", secrets=refs))


def secret(payload: bytes) -> Snapshot:
    return Snapshot().put(Secret(id="C", sealed=SEAL.close("C", payload)))


def bundled(snapshot: Snapshot, ref: str = "C") -> bytes:
    return bundle(payloads(SEAL, snapshot, ref))


def test_a_container_is_certificate_key_and_chain() -> None:
    found = bundled(
        container(certificate=CERT, private_key=pem(KEY), intermediates=b"CHAIN\n"),
        "http://cloud/key-manager/v1/containers/C",
    )
    assert found == CERT + pem(KEY) + b"CHAIN\n"


def test_a_key_with_a_passphrase_is_opened() -> None:
    parts = {"certificate": CERT, "private_key": pem(KEY, b"word")}
    found = bundled(container(**parts, private_key_passphrase=b"word"), "C")
    assert b"ENCRYPTED" not in found
    with pytest.raises(NoCertificate):
        bundled(container(**parts))
    with pytest.raises(NoCertificate):
        bundled(container(**parts, private_key_passphrase=b"wrong"), "C")


def test_pkcs12_is_as_good() -> None:
    packed = pkcs12.serialize_key_and_certificates(b"x", KEY, CERTIFICATE, None, NoEncryption())
    assert bundled(secret(packed), "C") == CERT + pem(KEY)


def test_pem_in_one_secret_is_taken_as_it_is() -> None:
    assert bundled(secret(CERT + pem(KEY)), "C") == CERT + pem(KEY)


@pytest.mark.parametrize(
    ("snapshot", "why"),
    [
        (container(certificate=CERT, private_key=pem(OTHER)), "not the certificate's"),
        (container(private_key=pem(KEY)), "no certificate"),
        (container(certificate=b"nonsense", private_key=pem(KEY)), "PEM"),
        (secret(b"nonsense"), "PKCS12"),
        (Snapshot(), "no such secret"),
    ],
)
def test_what_is_none_is_told_without_what_is_secret(snapshot: Snapshot, why: str) -> None:
    with pytest.raises(NoCertificate, match=why) as caught:
        bundled(snapshot, "C")
    assert "PRIVATE" not in str(caught.value)
