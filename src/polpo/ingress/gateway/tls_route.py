"""TLSRoute -> TLS that is passed on by its name (SNI), as it is. Pure."""

from __future__ import annotations

from polpo.ingress.gateway.backends import Backends
from polpo.ingress.gateway.routes import TLSRoute
from polpo.ingress.plan import Share


def shares(route: TLSRoute, backends: Backends) -> tuple[Share, ...]:
    """Of all connections; who can't be asked is nobody: the connection is closed."""
    refs = [ref for rule in route.spec.rules for ref in rule.backend_refs]
    found = tuple(share for share in backends.shares(refs, ()) if share.weight)
    return tuple(share for share in found if share.backend.target is not None)
