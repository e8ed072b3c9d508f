"""Kubernetes' objects, as far as Ingress is concerned (networking.k8s.io/v1, v1)."""

from __future__ import annotations

from typing import Any

import msgspec

from polpo.kube.objects import LoadBalancerStatus, Meta, ServicePort, ServiceStatus, Struct
from polpo.kube.resources import Resource


class Dated(Meta, frozen=True):
    """`creation_timestamp` is in UTC, to the second: as text it is in order."""

    creation_timestamp: str = ""
    generation: int = 0


class Stated(Struct, frozen=True):
    """Of Gateway API's kinds: `status` is written by us, and others; the rest is users'."""

    metadata: Dated
    status: dict[str, Any] | None = None


class Name(Struct, frozen=True):
    kind: str = ""
    name: str = ""


class BackendPort(Struct, frozen=True):
    number: int = 0
    name: str = ""


class ServiceBackend(Struct, frozen=True):
    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(Struct, frozen=True):
    service: ServiceBackend | None = None
    resource: Name | None = None


class HttpPath(Struct, frozen=True):
    backend: IngressBackend
    path: str = ""
    path_type: str = "ImplementationSpecific"


class HttpPaths(Struct, frozen=True):
    paths: tuple[HttpPath, ...] | None = None


class Rule(Struct, frozen=True):
    host: str = ""
    http: HttpPaths | None = None


class Tls(Struct, frozen=True):
    hosts: tuple[str, ...] | None = None
    secret_name: str = ""


class IngressSpec(Struct, frozen=True):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: tuple[Rule, ...] | None = None
    tls: tuple[Tls, ...] | None = None


class IngressStatus(Struct, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(Struct, frozen=True):
    metadata: Dated
    spec: IngressSpec = IngressSpec()
    status: IngressStatus = IngressStatus()


class IngressClassSpec(Struct, frozen=True):
    controller: str = ""


class IngressClass(Struct, frozen=True):
    metadata: Meta
    spec: IngressClassSpec = IngressClassSpec()


class ConfigMap(Struct, frozen=True):
    metadata: Meta
    data: dict[str, str] | None = None


class ServiceSpec(Struct, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    external_name: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    ports: tuple[ServicePort, ...] | None = None


class Service(Struct, frozen=True):
    metadata: Meta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


def _resource(group: str, plural: str, kind: str, type: Any, namespaced: bool = True) -> Any:
    return Resource(group, "v1", plural, kind, type, namespaced)


NETWORKING = "networking.k8s.io"
INGRESSES: Resource[Ingress] = _resource(NETWORKING, "ingresses", "Ingress", Ingress)
INGRESS_CLASSES: Resource[IngressClass] = _resource(
    NETWORKING, "ingressclasses", "IngressClass", IngressClass, False
)
CONFIG_MAPS: Resource[ConfigMap] = _resource("", "configmaps", "ConfigMap", ConfigMap)
SERVICES: Resource[Service] = _resource("", "services", "Service", Service)
