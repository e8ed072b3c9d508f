"""ReferenceGrants: who may name something of another namespace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from polpo.ingress.gateway.objects import GROUP, ReferenceGrant


class Reference(NamedTuple):
    """From a Gateway or route (its kind and namespace) to a Secret, Service or ConfigMap."""

    kind: str
    namespace: str
    to_kind: str
    to_namespace: str
    to_name: str


def permitted(grants: Iterable[ReferenceGrant], reference: Reference) -> bool:
    """Within a namespace always."""
    kind, namespace, to_kind, to_namespace, to_name = reference
    if namespace == to_namespace:
        return True
    for grant in grants:
        if grant.metadata.namespace != to_namespace:
            continue
        asked = any(
            (f.group, f.kind, f.namespace) == (GROUP, kind, namespace) for f in grant.spec.from_
        )
        if asked and any(
            (t.group, t.kind) == ("", to_kind) and t.name in ("", to_name) for t in grant.spec.to
        ):
            return True
    return False
