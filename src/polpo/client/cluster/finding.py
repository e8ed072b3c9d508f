"""What there is, by the mark that all that was made for a cluster bears."""

from __future__ import annotations

from typing import Any

from polpo.client.session import Session

Body = dict[str, Any]


def got(session: Session, path: str, **query: Any) -> list[Body]:
    found: list[Body] = session.network("GET", f"/{path}", **query)[path.replace("-", "_")]
    return found


def balancers_of(session: Session, mark: str) -> list[Body]:
    found = session.load_balancer("GET", "/lbaas/loadbalancers", description=mark)
    balancers: list[Body] = found["loadbalancers"]
    return balancers
