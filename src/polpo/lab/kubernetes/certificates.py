"""Who is who in a Kubernetes of ours: an authority of its own, and what it vouches for."""

import datetime
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from polpo.lab.secrets import write_private

BEFORE, AFTER = datetime.timedelta(days=1), datetime.timedelta(days=365)


class Pair(NamedTuple):
    """Files (PEM)."""

    certificate: Path
    key: Path


class Authority:
    """Keeps all in a folder: what a first run made, a second finds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pair = self._pair("ca")
        if not self.pair.key.exists():
            key, name = ec.generate_private_key(ec.SECP256R1()), _name("polpo lab", ())
            built = _builder(name, name, key).add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
            _write(self.pair, built.sign(key, hashes.SHA256()), key)
        self._key = _read_key(self.pair.key)
        self._own = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())

    @property
    def certificate(self) -> Path:
        """Its own."""
        return self.pair.certificate

    def issue(self, name: str, groups: Sequence[str] = (), at: Sequence[str] = ()) -> Pair:
        """`name` and `groups` are who it is to Kubernetes; `at` where a server is."""
        pair = self._pair(name.replace(":", "-"))
        if not pair.key.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            built = _builder(_name(name, groups), self._own.subject, key)
            if at:
                names = x509.SubjectAlternativeName([_place(place) for place in at])
                built = built.add_extension(names, critical=False)
            _write(pair, built.sign(self._key, hashes.SHA256()), key)
        return pair

    def _pair(self, stem: str) -> Pair:
        return Pair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")


def _name(name: str, groups: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _place(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


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
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + AFTER)
    )


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """The key last: where it is, the certificate is, too."""
    write_private(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())
    write_private(pair.key, private(key))


def private(key: ec.EllipticCurvePrivateKey) -> str:
    """As PEM, without a password, in the form that Kubernetes too reads (SEC 1)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def self_signed(name: str) -> tuple[str, str]:
    """A certificate for a DNS name, and its key (PEM)."""
    key, who = ec.generate_private_key(ec.SECP256R1()), _name(name, ())
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    signed = _builder(who, who, key).add_extension(names, critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode(), private(key)


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no key of ours")
    return key
