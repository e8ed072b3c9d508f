"""An authority of a test's own, and what it vouches for."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AGE = datetime.timedelta(days=1)  # both before and after now: tests turn clocks


class Pair(NamedTuple):
    """Files (PEM)."""

    certificate: Path
    key: Path


class Authority:
    """Writes to a folder: `ca.crt`, `NAME.crt`, `NAME.key`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "polpo test authority")])
        self.certificate = folder / "ca.crt"
        built = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._write(self.certificate, built.sign(self._key, hashes.SHA256()))

    def issue(
        self, name: str, *, groups: Sequence[str] = (), addresses: Sequence[str] = ()
    ) -> Pair:
        """`name` and `groups` are who it is to Kubernetes; `addresses` where a server is."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = _builder(subject, self._name, key)
        if addresses:
            names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        stem = name.replace(":", "-")
        pair = Pair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        self._write(pair.certificate, built.sign(self._key, hashes.SHA256()))
        pair.key.write_bytes(private(key))
        return pair

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as PEM, without a password, in the form that Kubernetes too reads (SEC 1)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - AGE)
        .not_valid_after(now + AGE)
    )


def self_signed(name: str) -> tuple[str, str]:
    """A certificate for a DNS name, and its key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = _builder(who, who, key).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
    )
    signed = built.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode(), private(key).decode()
