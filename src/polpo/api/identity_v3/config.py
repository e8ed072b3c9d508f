"""Which identity the controller uses, from its configuration."""

import msgspec

from polpo.api.identity_v3.catalog import SERVICES, Service
from polpo.api.identity_v3.keystone import KeystoneAccess, KeystoneIdentity
from polpo.api.identity_v3.local import TOKEN_LIFE_S, LocalIdentity
from polpo.store.store import Store


class IdentityConfig(msgspec.Struct, frozen=True):
    """`keystone` given: tokens are validated there, and polpo serves no Identity v3 itself."""

    keystone: KeystoneAccess | None = None
    services: tuple[Service, ...] = SERVICES
    token_life_s: int = TOKEN_LIFE_S


def make_identity(
    config: IdentityConfig, store: Store, public_url: str
) -> LocalIdentity | KeystoneIdentity:
    """Either has `authenticate` and `close`."""
    if config.keystone is not None:
        return KeystoneIdentity(config.keystone)
    return LocalIdentity(store, public_url, config.services, config.token_life_s)
