"""What a project keeps secret: keys, certificates, passphrases (Barbican API v1), sealed."""

from typing import ClassVar

import msgspec

from polpo.model.object import IndexEntry, Owned


class Guarded(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Of a project, or private.

    creator_id      the user who made it
    readers         ids of users who may read it whatever project they are in
    project_access  whether the project's members may; else only the creator and `readers`
    """

    creator_id: str = ""
    readers: tuple[str, ...] = ()
    project_access: bool = True


class Secret(Guarded, frozen=True, kw_only=True, omit_defaults=True):
    """
    secret_type   opaque, symmetric, public, private, passphrase or certificate
    content_type  of the payload: text/plain or application/octet-stream; "" before there is one
    sealed        the payload, as only the controller can open it (api/secrets_v1/sealing.py)
    expiration    UTC, or "": from then on it is not there
    """

    kind: ClassVar[str] = "secret"

    secret_type: str = "opaque"
    algorithm: str = ""
    bit_length: int | None = None
    mode: str = ""
    expiration: str = ""
    content_type: str = ""
    sealed: str = ""
    metadata: dict[str, str] = {}


def id_in(ref: str) -> str:
    """Of the secret or container that a reference (a URL, or an id alone) leads to."""
    return ref.rstrip("/").rpartition("/")[2]


class SecretRef(msgspec.Struct, frozen=True):
    """A secret's part in a container: `certificate`, `private_key`, `intermediates`, …"""

    name: str
    secret_id: str


class SecretContainer(Guarded, frozen=True, kw_only=True, omit_defaults=True):
    """Secrets that belong together; `type` is generic, rsa or certificate."""

    kind: ClassVar[str] = "secret_container"

    type: str
    secrets: tuple[SecretRef, ...] = ()

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), *(("secret", ref.secret_id) for ref in self.secrets))
