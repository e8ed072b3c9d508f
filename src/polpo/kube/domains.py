"""What `polpo dns` and `polpo policy` of a cluster say to each other about domain names.

They meet by a Secret: who may read it may tell. `polpo policy` writes where it listens, the
certificate that it shows there, and a token, all new with each start of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

import msgspec

from polpo.kube.objects import Secret

SECRET = ("kube-system", "polpo-domains")
"""Namespace and name."""
SERVER_NAME = "polpo-policy"
"""Whom the certificate is for: addresses change, and are in the Secret."""
PATH = "/v1/domains"
LOOK_S = 20.0
"""So long a question for patterns waits for others than those that are known."""


class Meeting(msgspec.Struct, frozen=True):
    """`url` is https://host:port, `certificate` in PEM."""

    url: str
    certificate: str
    token: str

    def data(self) -> dict[str, str]:
        """Of the Secret."""
        said: dict[str, str] = msgspec.to_builtins(self)
        return {key: base64.b64encode(text.encode()).decode() for key, text in said.items()}


def meeting_of(secret: Secret) -> Meeting | None:
    """None while nobody has written what there has to be."""
    data = secret.data or {}
    try:
        said = {key: base64.b64decode(text, validate=True).decode() for key, text in data.items()}
        return msgspec.convert(said, Meeting)
    except (binascii.Error, UnicodeDecodeError, msgspec.ValidationError):
        return None


class Wanted(msgspec.Struct, frozen=True):
    """`GET ?version=V` answers with this: the wildcards of policies (`*.example.com`), sorted; at
    once if they are others than those of the version."""

    version: str
    patterns: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """`PUT` of this: addresses of answers, by wildcard. What is known already may be told again:
    it counts from now. `wait_s`: how long to wait for hosts before the answer."""

    addresses: dict[str, tuple[str, ...]]
    wait_s: float = 0.0


class Taken(msgspec.Struct, frozen=True):
    """`in_force`: all hosts have them. False if they had not in time; they will."""

    in_force: bool


def wanted(patterns: Iterable[str]) -> Wanted:
    """The same patterns are the same version, whoever says so."""
    found = tuple(sorted(patterns))
    return Wanted(hashlib.sha256("\n".join(found).encode()).hexdigest()[:16], found)
