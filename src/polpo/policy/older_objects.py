"""AdminNetworkPolicy and BaselineAdminNetworkPolicy : their objects, v1alpha1."""

from __future__ import annotations

import msgspec

from polpo.kube.objects import Meta, Struct
from polpo.kube.selectors import LabelSelector
from polpo.policy.objects import Standing, Target

LAST = 1001
"""A baseline has no priority: it is after all of the newer kind, whose last is 1000."""


class Namespaces(LabelSelector, frozen=True):
    """A selector; or, up to v0.1.1, one of three fields, of which we follow the first."""

    namespace_selector: LabelSelector | None = None
    same_labels: tuple[str, ...] | None = None
    not_same_labels: tuple[str, ...] | None = None


class Pods(Struct, frozen=True):
    """`namespaces` up to v0.1.1, `namespace_selector` since."""

    namespace_selector: LabelSelector = LabelSelector()
    namespaces: Namespaces | None = None
    pod_selector: LabelSelector = LabelSelector()


class Peer(Struct, frozen=True):
    namespaces: Namespaces | None = None
    pods: Pods | None = None
    networks: tuple[str, ...] | None = None
    nodes: LabelSelector | None = None
    domain_names: tuple[str, ...] | None = None


class Number(Struct, frozen=True):
    port: int
    protocol: str = "TCP"


class Range(Struct, frozen=True):
    start: int
    end: int
    protocol: str = "TCP"


class Port(Struct, frozen=True):
    """One of these is set."""

    port_number: Number | None = None
    port_range: Range | None = None
    named_port: str | None = None


class Ingress(Struct, frozen=True):
    action: str
    peers: tuple[Peer, ...] = msgspec.field(default=(), name="from")
    ports: tuple[Port, ...] | None = None


class Egress(Struct, frozen=True):
    action: str
    peers: tuple[Peer, ...] = msgspec.field(default=(), name="to")
    ports: tuple[Port, ...] | None = None


class Spec(Struct, frozen=True):
    subject: Target
    priority: int = LAST
    ingress: tuple[Ingress, ...] | None = None
    egress: tuple[Egress, ...] | None = None


class Older(Struct, frozen=True):
    """Either of them; a baseline's name is `default`."""

    metadata: Meta
    spec: Spec
    status: Standing = Standing()
