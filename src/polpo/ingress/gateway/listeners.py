"""A Gateway's listeners: what they take, what is wrong with them, and their certificates. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from polpo.ingress.gateway.conditions import Condition, no, yes
from polpo.ingress.gateway.grants import Reference, permitted
from polpo.ingress.gateway.objects import GROUP, Gateway, Listener, ObjectRef
from polpo.ingress.plan import Certificate
from polpo.ingress.secrets import pair
from polpo.ingress.state import State
from polpo.ingress.wrong import Wrong
from polpo.kube.resources import key

KINDS = {
    ("HTTP", ""): ("HTTPRoute", "GRPCRoute"),
    ("HTTPS", "Terminate"): ("HTTPRoute", "GRPCRoute"),
    ("TLS", "Passthrough"): ("TLSRoute",),
}
"""By protocol and TLS mode: what we serve, and which routes may be there."""


class Served:
    """One listener. `attached` counts routes; `door` is where it is in the plan."""

    def __init__(self, gateway: Gateway, spec: Listener) -> None:
        self.gateway, self.spec = gateway, spec
        self.door = door_of(gateway, spec.port)
        self.attached = 0
        self.kinds: tuple[str, ...] = ()
        self.accepted = yes("Accepted")
        self.resolved = yes("ResolvedRefs")
        self.conflicted = no("Conflicted", "NoConflicts")
        self.certificates: tuple[Certificate, ...] = ()

    @property
    def mode(self) -> str:
        if self.spec.protocol not in ("HTTPS", "TLS"):
            return ""
        return self.spec.tls.mode if self.spec.tls else "Terminate"

    @property
    def serves(self) -> bool:
        """May anybody come in here?"""
        certified = self.spec.protocol != "HTTPS" or bool(self.certificates)
        return self.accepted.status and bool(self.kinds) and certified

    def refuse(self, reason: str, message: str) -> None:
        self.accepted = no("Accepted", reason, message)
        if reason.endswith("Conflict"):
            self.conflicted = yes("Conflicted", reason, message)

    def conditions(self, ready: bool) -> Iterator[Condition]:
        yield self.accepted
        yield self.resolved
        yield self.conflicted
        if ready and self.serves:
            yield yes("Programmed")
        else:
            yield no("Programmed", "Invalid" if ready else "Pending")


def door_of(gateway: Gateway, port: int) -> str:
    """Short: there is a Unix socket of the name."""
    digest = hashlib.blake2b(key(gateway.metadata).encode(), digest_size=5).hexdigest()
    return f"{digest}-{port}"


def served(state: State, gateway: Gateway) -> list[Served]:
    listeners = [Served(gateway, spec) for spec in gateway.spec.listeners]
    for listener in listeners:
        _protocol(listener)
    _conflicts(listeners)
    for listener in listeners:
        _kinds(listener)
        if listener.accepted.status and listener.spec.protocol == "HTTPS":
            _certificates(state, listener)
    return listeners


def _protocol(listener: Served) -> None:
    protocol, mode = listener.spec.protocol, listener.mode
    if protocol not in ("HTTP", "HTTPS", "TLS"):
        listener.refuse("UnsupportedProtocol", f"{protocol}: we serve HTTP, HTTPS and TLS")
    elif (protocol, mode) not in KINDS:
        listener.refuse("UnsupportedValue", f"{protocol} in mode {mode} is not supported")


def _conflicts(listeners: list[Served]) -> None:
    """None of those that can't be told apart is served."""
    by_port: defaultdict[int, list[Served]] = defaultdict(list)
    for listener in listeners:
        if listener.spec.protocol in ("HTTP", "HTTPS", "TLS"):
            by_port[listener.spec.port].append(listener)
    for port, found in by_port.items():
        plain = {listener.spec.protocol == "HTTP" for listener in found}
        modes = {listener.mode for listener in found if listener.spec.protocol == "TLS"}
        if len(plain) > 1 or len(modes) > 1:
            for listener in found:
                listener.refuse("ProtocolConflict", f"port {port} is asked for two protocols")
            continue
        names: defaultdict[str, list[Served]] = defaultdict(list)
        for listener in found:
            names[listener.spec.hostname.lower()].append(listener)
        for name, same in names.items():
            for listener in same if len(same) > 1 else ():
                listener.refuse("HostnameConflict", f"port {port} has {name or 'all names'} twice")


def _kinds(listener: Served) -> None:
    served = KINDS.get((listener.spec.protocol, listener.mode), ())
    asked = listener.spec.allowed_routes.kinds
    if not asked:
        listener.kinds = served
        return
    good = [a.kind for a in asked if a.group == GROUP and a.kind in served]
    listener.kinds = tuple(dict.fromkeys(good))
    wrong = [a.kind for a in asked if a.group != GROUP or a.kind not in served]
    if wrong:
        message = f"no routes of kind {', '.join(wrong)} here"
        listener.resolved = no("ResolvedRefs", "InvalidRouteKinds", message)


def _certificates(state: State, listener: Served) -> None:
    found: list[Certificate] = []
    refs = listener.spec.tls.certificate_refs if listener.spec.tls else ()
    if not refs:
        listener.resolved = no("ResolvedRefs", "InvalidCertificateRef", "there is no certificate")
    hosts = (listener.spec.hostname.lower(),) if listener.spec.hostname else ()
    for number, ref in enumerate(refs):
        try:
            pem = _pem(state, listener.gateway, ref)
        except _Refused as refused:
            listener.resolved = no("ResolvedRefs", refused.reason, str(refused))
            continue
        name = f"{listener.door}_{listener.spec.name}_{number}"
        first = hosts or ("*",) if not found else hosts
        found.append(Certificate(name, pem, first, listener.door))
    listener.certificates = tuple(found)


class _Refused(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _pem(state: State, gateway: Gateway, ref: ObjectRef) -> str:
    namespace = ref.namespace or gateway.metadata.namespace
    if (ref.group, ref.kind) != ("", "Secret"):
        raise _Refused("InvalidCertificateRef", f"{ref.kind} {ref.name} is no Secret")
    reference = Reference("Gateway", gateway.metadata.namespace, "Secret", namespace, ref.name)
    if not permitted(state.more["ReferenceGrant"].values(), reference):
        raise _Refused("RefNotPermitted", f"no ReferenceGrant lets us see {namespace}/{ref.name}")
    state.used_secrets.add(f"{namespace}/{ref.name}")
    secret = state.secrets.get(f"{namespace}/{ref.name}")
    if secret is None:
        raise _Refused("InvalidCertificateRef", f"there is no Secret {namespace}/{ref.name}")
    try:
        return pair(secret)
    except Wrong as wrong:
        raise _Refused("InvalidCertificateRef", str(wrong)) from None


def kinds_of(listener: Served) -> Iterable[dict[str, str]]:
    for kind in listener.kinds:
        yield {"group": GROUP, "kind": kind}
