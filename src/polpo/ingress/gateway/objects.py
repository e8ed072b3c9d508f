"""Gateways and what goes with them, as far as they are read (Gateway API v1)."""

from __future__ import annotations

from typing import Any

import msgspec

from polpo.ingress.objects import Dated, Stated
from polpo.kube.objects import Struct
from polpo.kube.resources import Resource
from polpo.kube.selectors import LabelSelector

GROUP = "gateway.networking.k8s.io"


class ClassSpec(Struct, frozen=True):
    controller_name: str = ""
    parameters_ref: dict[str, Any] | None = None


class GatewayClass(Stated, frozen=True, kw_only=True):
    spec: ClassSpec = ClassSpec()


class Kind(Struct, frozen=True):
    kind: str = ""
    group: str = GROUP


class Namespaces(Struct, frozen=True):
    from_: str = msgspec.field(default="Same", name="from")
    selector: LabelSelector | None = None


class AllowedRoutes(Struct, frozen=True):
    namespaces: Namespaces = Namespaces()
    kinds: tuple[Kind, ...] = ()


class ObjectRef(Struct, frozen=True):
    """Of a Secret or a ConfigMap; `namespace` "" is the own one."""

    name: str = ""
    namespace: str = ""
    kind: str = "Secret"
    group: str = ""


class ListenerTls(Struct, frozen=True):
    mode: str = "Terminate"
    certificate_refs: tuple[ObjectRef, ...] = ()
    options: dict[str, str] | None = None


class Listener(Struct, frozen=True):
    name: str
    port: int
    protocol: str
    hostname: str = ""
    tls: ListenerTls | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class Address(Struct, frozen=True):
    value: str = ""
    type: str = "IPAddress"


class Infrastructure(Struct, frozen=True):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    parameters_ref: dict[str, Any] | None = None


class GatewaySpec(Struct, frozen=True):
    """`tls`: what is asked of clients' and of our own certificates, for all listeners."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[Address, ...] = ()
    infrastructure: Infrastructure | None = None
    tls: dict[str, Any] | None = None


class Gateway(Stated, frozen=True, kw_only=True):
    spec: GatewaySpec = GatewaySpec()


class GrantFrom(Struct, frozen=True):
    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Struct, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""


class GrantSpec(Struct, frozen=True):
    from_: tuple[GrantFrom, ...] = msgspec.field(default=(), name="from")
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(Stated, frozen=True, kw_only=True):
    spec: GrantSpec = GrantSpec()


class PolicyTarget(Struct, frozen=True):
    name: str = ""
    kind: str = ""
    group: str = ""
    section_name: str = ""


class AltName(Struct, frozen=True):
    type: str = ""
    hostname: str = ""
    uri: str = ""


class Validation(Struct, frozen=True):
    hostname: str = ""
    ca_certificate_refs: tuple[ObjectRef, ...] = msgspec.field(default=(), name="caCertificateRefs")
    well_known: str = msgspec.field(default="", name="wellKnownCACertificates")
    subject_alt_names: tuple[AltName, ...] = ()


class PolicySpec(Struct, frozen=True):
    target_refs: tuple[PolicyTarget, ...] = ()
    validation: Validation = Validation()


class BackendTLSPolicy(Stated, frozen=True, kw_only=True):
    spec: PolicySpec = PolicySpec()


class Namespace(Struct, frozen=True):
    metadata: Dated


def resource(plural: str, type: Any, namespaced: bool = True) -> Resource[Any]:
    return Resource(GROUP, "v1", plural, type.__name__, type, namespaced)


CLASSES: Resource[GatewayClass] = resource("gatewayclasses", GatewayClass, False)
GATEWAYS: Resource[Gateway] = resource("gateways", Gateway)
GRANTS: Resource[ReferenceGrant] = resource("referencegrants", ReferenceGrant)
POLICIES: Resource[BackendTLSPolicy] = resource("backendtlspolicies", BackendTLSPolicy)
NAMESPACES: Resource[Namespace] = Resource("", "v1", "namespaces", "Namespace", Namespace, False)
