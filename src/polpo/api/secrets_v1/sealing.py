"""Payloads at rest: AES-256-GCM, each bound to its secret's id, so that none stands for another.

The key file has one key a line (32 bytes in base64), the newest first: it seals, all of them open.
All replicas of a controller need the same file; who has the database but not the file has nothing.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from polpo.runtime.files import replace_file

NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: random ones, far fewer than 2^32 a key


class Unopened(Exception):
    """None of the keys opens it: it was sealed with one that is not in the file any more."""


class Seal:
    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESGCM(key) for key in keys]

    def close(self, id: str, payload: bytes) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, payload, id.encode())
        return base64.b64encode(sealed).decode()

    def open(self, id: str, sealed: str) -> bytes:
        """Raises Unopened."""
        raw = base64.b64decode(sealed)
        nonce, text = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, text, id.encode())
            except InvalidTag:
                continue
        raise Unopened(f"secret {id} was sealed with a key that is not in the key file")


def load(file: Path) -> Seal:
    """With the keys in the file, which is made (0600) where there is none. ValueError: spoilt."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, base64.b64encode(AESGCM.generate_key(256)) + b"\n")
    try:
        keys = [base64.b64decode(word, validate=True) for word in file.read_bytes().split()]
        if not keys:
            raise ValueError("it is empty")
        return Seal(keys)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"{file} has no keys of 32 bytes in base64, one a line: {error}") from None
