"""backendRefs -> shares of requests, and what can't be resolved. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from polpo.ingress.features.answer import Answer
from polpo.ingress.gateway.conditions import Condition, no, yes
from polpo.ingress.gateway.grants import Reference, permitted
from polpo.ingress.gateway.policies import Policies
from polpo.ingress.gateway.routes import BackendRef
from polpo.ingress.plan import Backend, Feature, Share, Target
from polpo.ingress.state import State, port_of
from polpo.kube.objects import ServicePort

BROKEN = Backend(None, (Answer(500),))
PROTOCOLS = {
    "": "",
    "tcp": "",
    "http": "http",
    "https": "https",
    "grpc": "h2c",
    "kubernetes.io/h2c": "h2c",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "https",
}
"""appProtocol: what HAProxy is to speak."""
OVER_TLS = {"http": "https", "h2c": "h2", "https": "https", "tcp": "tcp"}


class Asker(NamedTuple):
    """Whose backendRefs they are. `protocol` where the Service's port says none; `gateways`
    through which it is asked."""

    kind: str
    namespace: str
    protocol: str
    gateways: frozenset[str]


class Backends:
    """`unresolved` is the first reason why not all could be found."""

    def __init__(self, state: State, policies: Policies, asker: Asker) -> None:
        self._state, self._policies, self._asker = state, policies, asker
        self.resolved: Condition = yes("ResolvedRefs")

    def shares(
        self,
        refs: Iterable[BackendRef],
        policy: tuple[Feature, ...],
        more: Callable[[BackendRef], tuple[Feature, ...]] = lambda ref: (),
    ) -> tuple[Share, ...]:
        """Who is not there has his share all the same: of errors (500). `more`: of one ref."""
        found = tuple(Share(self._backend(ref, (*policy, *more(ref))), ref.weight) for ref in refs)
        if not any(share.weight for share in found):
            return (Share(BROKEN),)
        return found

    def besides(self, ref: BackendRef) -> Backend | None:
        """Whom a mirror asks; None if he is not there, which the route's status says."""
        found = self._backend(ref, ())
        return None if found is BROKEN else found

    def _backend(self, ref: BackendRef, policy: tuple[Feature, ...]) -> Backend:
        asker, namespace = self._asker, ref.namespace or self._asker.namespace
        where = f"{namespace}/{ref.name}"
        if (ref.group, ref.kind) != ("", "Service"):
            return self._broken("InvalidKind", f"{ref.kind} {ref.name} is no Service")
        reference = Reference(asker.kind, asker.namespace, "Service", namespace, ref.name)
        if not permitted(self._state.more["ReferenceGrant"].values(), reference):
            return self._broken("RefNotPermitted", f"no ReferenceGrant lets us use {where}")
        service = self._state.services.get(where)
        port = port_of(service, ref.port or 0) if service is not None else None
        if service is None or port is None:
            return self._broken("BackendNotFound", f"no Service {where} with port {ref.port}")
        return self._of(Target(namespace, ref.name, port.port), port, policy)

    def _of(self, target: Target, port: ServicePort, policy: tuple[Feature, ...]) -> Backend:
        protocol = PROTOCOLS.get((port.app_protocol or "").lower())
        if protocol is None:
            message = f"{target.service}: appProtocol {port.app_protocol}"
            return self._broken("UnsupportedProtocol", message)
        if self._asker.protocol == "tcp":
            return Backend(target, policy, "tcp")
        protocol = protocol or self._asker.protocol
        gateways = set(self._asker.gateways)
        tls = self._policies.of(target.namespace, target.service, port, gateways)
        if tls is None:
            return Backend(target, policy, protocol)
        if tls.feature is None:
            return Backend(target, policy, protocol, tls.accepted.message)
        return Backend(target, (*policy, tls.feature), OVER_TLS[protocol])

    def _broken(self, reason: str, message: str) -> Backend:
        if self.resolved.status:
            self.resolved = no("ResolvedRefs", reason, message)
        return BROKEN
