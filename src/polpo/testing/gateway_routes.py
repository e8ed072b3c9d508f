"""Gateways' JSON -> a plan and statuses, and where a request would go: without HAProxy."""

from __future__ import annotations

from typing import Any

import msgspec

from polpo.ingress.gateway import objects, routes
from polpo.ingress.gateway.compile import Compiled, compiled
from polpo.ingress.gateway.exposing import Exposure
from polpo.ingress.plan import Condition, Plan
from polpo.ingress.table import Table, table
from polpo.kube.reflection import Change
from polpo.kube.resources import key
from polpo.testing.kubernetes.objects import Object
from polpo.testing.routes import state, where

POOL = ("192.0.2.1", "192.0.2.2")
OURS = (objects.CLASSES, objects.GATEWAYS, objects.GRANTS, objects.POLICIES, objects.NAMESPACES,
        routes.HTTP, routes.GRPC, routes.TLS)  # fmt: skip
RESOURCES = {resource.kind: resource for resource in OURS}


class Found:
    """What it has come to. `pool`: addresses of Gateways."""

    def __init__(
        self, *given: Object, pool: tuple[str, ...] = POOL, exposure: Exposure | None = None
    ) -> None:
        kept = state(*(one for one in given if one["kind"] not in RESOURCES))
        for one in given:
            if one["kind"] in RESOURCES:
                found = msgspec.convert(one, RESOURCES[one["kind"]].type)
                kept.note(kept.more[one["kind"]], [Change(key(found.metadata), found)])
        self.compiled: Compiled = compiled(kept, pool, exposure=exposure)
        plan = Plan(sites=self.compiled.sites, passed=self.compiled.passed)
        self.table: Table = table(plan)

    def status(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        full = name if kind == "GatewayClass" else f"{namespace}/{name}"
        (found,) = (s.body for s in self.compiled.statuses if (s.kind, s.key) == (kind, full))
        return found

    def of_route(self, kind: str, name: str, namespace: str = "default") -> dict[str, str]:
        """Reasons by conditions, of its only parent; with ! where the condition is False."""
        (parent,) = self.status(kind, name, namespace)["parents"]
        return reasons(parent["conditions"])

    def of_listener(self, gateway: str, number: int = 0) -> dict[str, str]:
        return reasons(self.status("Gateway", gateway)["listeners"][number]["conditions"])

    def where(self, port: int, host: str, path: str, address: str = POOL[0]) -> str:
        """The Service that would be asked."""
        (door,) = (d for d in self.compiled.doors if (d.address, d.port) == (address, port))
        return where(self.table, host, path, door.name)

    def choices(self, name: str) -> list[tuple[tuple[Condition, ...], str]]:
        """Of a group: who is asked, under which conditions."""
        found = self.table.groups[name]
        return [(when, self._service(to)) for when, to in found]

    def _service(self, name: str) -> str:
        target = self.table.backends[name].target
        return target.service if target is not None else name


def reasons(conditions: list[dict[str, Any]]) -> dict[str, str]:
    return {c["type"]: ("" if c["status"] == "True" else "!") + c["reason"] for c in conditions}
