"""Which networks may come: an allowlist, a denylist."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature

KEYS = ("whitelist-source-range", "allowlist-source-range", "denylist-source-range")
GUARDS = True
AT_ONCE = 32  # words of a line
ALL = {"::/0": ("::1", "2000::/3", "fc00::/7", "fe80::/10")}
"""HAProxy sees IPv4 in `::/0` as well."""


class Access(Feature, frozen=True):
    """Networks; no `allow` is everybody."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def lines(self, name: str) -> Iterator[str]:
        yield from acl("denied", self.deny)
        yield from acl("allowed", self.allow)
        if self.deny:
            yield "http-request deny deny_status 403 if denied"
        if self.allow:
            yield "http-request deny deny_status 403 unless allowed"


def acl(name: str, networks: tuple[str, ...]) -> Iterator[str]:
    """By the client's address, as proxy/identity.py has it."""
    networks = tuple(part for network in networks for part in ALL.get(network, (network,)))
    for first in range(0, len(networks), AT_ONCE):
        yield f"acl {name} src {' '.join(networks[first : first + AT_ONCE])}"


def read(given: Annotations, asking: Asking) -> Access | None:
    allow = given.networks("allowlist-source-range") or given.networks("whitelist-source-range")
    deny = given.networks("denylist-source-range")
    return Access(allow, deny) if allow or deny else None
