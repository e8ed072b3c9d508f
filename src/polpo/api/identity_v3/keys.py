"""The secrets that sign tokens: kept in the store, so that every replica signs and verifies."""

import secrets

from polpo.model.identity import SigningKey
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction

KEPT = 3
"""After a rotation: the new key and the two before it. Rotate no faster than tokens expire."""


def signing_keys(snapshot: Snapshot) -> list[SigningKey]:
    """The newest first: it signs, all verify."""
    return sorted(snapshot.all(SigningKey), key=lambda key: key.revision, reverse=True)


def rotate(tx: Transaction) -> SigningKey:
    """A new key signs from now on; tokens signed by a key that goes away become void."""
    for old in signing_keys(tx.snapshot)[KEPT - 1 :]:
        tx.remove(old)
    return tx.put(SigningKey(id=secrets.token_hex(16), secret=secrets.token_hex(32)))


def secret_of(key: SigningKey) -> bytes:
    return bytes.fromhex(key.secret)
