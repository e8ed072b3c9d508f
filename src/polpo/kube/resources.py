"""Where each kind lives in the API, and its Python type."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from polpo.kube import objects
from polpo.kube.objects import Meta


@runtime_checkable
class Object(Protocol):
    """All that listing and watching need to know of an object."""

    @property
    def metadata(self) -> Meta: ...


T = TypeVar("T", bound=Object)


class Resource(msgspec.Struct, Generic[T], frozen=True):
    """`group` is "" for the oldest; `type` what its JSON is decoded to."""

    group: str
    version: str
    plural: str
    kind: str
    type: Any  # type[T]: msgspec takes no bound variable here
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """Of one object, of a namespace's, or (without both) of all; `sub` as in "status"."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return root + inside + "/".join(["", self.plural, *filter(None, (name, sub))])


def key(meta: Meta) -> str:
    """`namespace/name`, or the name of what is in no namespace; as kubectl writes it."""
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


NAMESPACES: Resource[objects.Namespace] = Resource(
    "", "v1", "namespaces", "Namespace", objects.Namespace, namespaced=False
)
SERVICES: Resource[objects.Service] = Resource("", "v1", "services", "Service", objects.Service)
PODS: Resource[objects.Pod] = Resource("", "v1", "pods", "Pod", objects.Pod)
NODES: Resource[objects.Node] = Resource("", "v1", "nodes", "Node", objects.Node, namespaced=False)
SECRETS: Resource[objects.Secret] = Resource("", "v1", "secrets", "Secret", objects.Secret)
ENDPOINT_SLICES: Resource[objects.EndpointSlice] = Resource(
    "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", objects.EndpointSlice
)
SERVICE_IMPORTS: Resource[objects.ServiceImport] = Resource(
    "multicluster.x-k8s.io", "v1alpha1", "serviceimports", "ServiceImport", objects.ServiceImport
)
