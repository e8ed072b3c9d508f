"""Which pods are in a group: their namespace, their labels, a port of theirs that has a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from polpo.kube.objects import Meta
from polpo.kube.selectors import LabelSelector, Requirement, matches, requirements
from polpo.policy.objects import Pod

MIRROR = "kubernetes.io/config.mirror"
"""The uid that kubelet knows a static pod by; the one of its image in the API is another."""

SECURITY_GROUPS = "polpo.dev/security-groups"
"""Annotation of a pod, or of a namespace for all its pods: ids or names, with commas between."""

Labels = Mapping[str, str]


class Named(NamedTuple):
    """A container's port; `protocol` as security groups have it."""

    name: str
    protocol: str
    number: int


class Member(NamedTuple):
    """A pod as policies see it. `name` is <namespace>/<name>; `also`: its annotation's groups."""

    name: str
    uid: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    ports: frozenset[Named]
    also: tuple[str, ...] = ()


class Members(NamedTuple):
    """Of one namespace, or of those that `namespaces` selects; with a port of that name, if any."""

    namespace: str
    namespaces: tuple[Requirement, ...] = ()
    pods: tuple[Requirement, ...] = ()
    port: Named | None = None

    def has_namespace(self, name: str, labels: Labels) -> bool:
        if self.namespace:
            return self.namespace == name
        return matches(self.namespaces, labels)

    def has_pod(self, ports: frozenset[Named], labels: Labels) -> bool:
        """Of a namespace that it has."""
        return (self.port is None or self.port in ports) and matches(self.pods, labels)

    def __str__(self) -> str:
        """Equal for equal members only: no namespace has braces, no label a `#`."""
        where = self.namespace or "{" + text_of(self.namespaces) + "}"
        return f"{where}/{text_of(self.pods)}{port_suffix(self.port)}"


def port_suffix(port: Named | None) -> str:
    return f"#{port.name}:{port.protocol}:{port.number}" if port else ""


def selected(selector: LabelSelector) -> tuple[Requirement, ...]:
    """Equal for selectors that say the same in another order."""
    asked = requirements(selector)
    return tuple(sorted({Requirement(k, o, tuple(sorted(set(v)))) for k, o, v in asked}))


def member(pod: Pod) -> Member | None:
    """None for a pod of the host's own network: it is the host."""
    if pod.spec.host_network:
        return None
    meta = pod.metadata
    return Member(
        name=f"{meta.namespace}/{meta.name}",
        uid=(meta.annotations or {}).get(MIRROR, meta.uid),
        namespace=meta.namespace,
        labels=tuple(sorted((meta.labels or {}).items())),
        ports=frozenset(_ports(pod)),
        also=named_groups(meta),
    )


def named_groups(meta: Meta) -> tuple[str, ...]:
    """What an annotation names."""
    text = (meta.annotations or {}).get(SECURITY_GROUPS, "")
    return tuple(sorted({name.strip() for name in text.split(",")} - {""}))


def _ports(pod: Pod) -> Iterator[Named]:
    beside = (c for c in pod.spec.init_containers or () if c.restart_policy == "Always")
    for container in (*pod.spec.containers, *beside):
        for port in container.ports or ():
            if port.name:
                yield Named(port.name, port.protocol.lower(), port.container_port)


def text_of(wanted: tuple[Requirement, ...]) -> str:
    """As label selectors are written; what `selectors.parse` reads."""
    return ",".join(map(_one, wanted))


def _one(requirement: Requirement) -> str:
    key, operator, values = requirement
    if operator in ("Exists", "DoesNotExist"):
        return key if operator == "Exists" else f"!{key}"
    if operator == "In" and len(values) == 1:
        return f"{key}={values[0]}"
    return f"{key} {operator.lower()} ({','.join(values)})"
