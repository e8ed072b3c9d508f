"""NetworkPolicy as Kubernetes' documentation has it, word by word and on the API's own JSON.

Tests compare with it what becomes of policies in the network. Nothing here is fast, or shares code
with what is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from polpo.testing.kubernetes.objects import Object

FIELDS = {"ingress": "from", "egress": "to"}


class Traffic(NamedTuple):
    """`protocol` as in the API, or another (ICMP) that only rules without ports allow."""

    protocol: str
    port: int = 0


class Cluster(NamedTuple):
    namespaces: dict[str, dict[str, str]]
    """Their labels."""
    pods: list[Object]
    policies: list[Object]

    def allows(
        self, source: Object | str, destination: Object | str, traffic: Traffic
    ) -> tuple[bool, bool]:
        """Whether it may leave, and whether it may enter; an end is a pod or an address outside."""
        leaves = self._allows(source, "egress", destination, traffic, destination)
        return leaves, self._allows(destination, "ingress", source, traffic, destination)

    def _allows(
        self,
        end: Object | str,
        direction: str,
        peer: Object | str,
        traffic: Traffic,
        receiver: Object | str,
    ) -> bool:
        """ "If no policies apply, everything is allowed; else what is in the union of rules." """
        if isinstance(end, str):
            return True
        isolating = [p for p in self.policies if self._isolates(p, direction, end)]
        return not isolating or any(
            (wanted is None or self._is_peer(wanted, policy, peer))
            and _has_port(rule.get("ports"), traffic, _named_by(wanted, direction, receiver))
            for policy in isolating
            for rule in policy["spec"].get(direction) or ()
            for wanted in rule.get(FIELDS[direction]) or (None,)
        )

    def _isolates(self, policy: Object, direction: str, pod: Object) -> bool:
        spec = policy["spec"]
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        return (
            direction.capitalize() in types
            and policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
            and _selects(spec["podSelector"], pod["metadata"].get("labels", {}))
        )

    def _is_peer(self, peer: Object, policy: Object, end: Object | str) -> bool:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            excepted = any(_inside(end, part) for part in block.get("except") or ())
            return _inside(end, block["cidr"]) and not excepted
        if isinstance(end, str):
            return False
        namespace = end["metadata"]["namespace"]
        if "namespaceSelector" in peer:
            there = _selects(peer["namespaceSelector"], self.namespaces[namespace])
        else:
            there = namespace == policy["metadata"]["namespace"]
        return there and _selects(peer.get("podSelector", {}), end["metadata"].get("labels", {}))


def _named_by(peer: Object | None, direction: str, receiver: Object | str) -> Object | str:
    """Whose names of ports count. Addresses have none: policy/README.md."""
    outside = direction == "egress" and peer is not None and "ipBlock" in peer
    return address_of(receiver) if outside else receiver


def address_of(end: Object | str) -> str:
    return end if isinstance(end, str) else str(end["status"]["podIP"])


def _inside(end: Object | str, prefix: str) -> bool:
    return ip_address(address_of(end)) in ip_network(prefix)


def _has_port(ports: list[Any] | None, traffic: Traffic, receiver: Object | str) -> bool:
    return not ports or any(_is_port(port, traffic, receiver) for port in ports)


def _is_port(port: Object, traffic: Traffic, receiver: Object | str) -> bool:
    if port.get("protocol", "TCP") != traffic.protocol:
        return False
    wanted = port.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return (wanted, traffic.protocol, traffic.port) in _named(receiver)
    return int(wanted) <= traffic.port <= int(port.get("endPort") or wanted)


def _named(end: Object | str) -> Iterator[tuple[str, str, int]]:
    if isinstance(end, str):
        return
    for container in end["spec"]["containers"]:
        for port in container.get("ports", ()):
            yield port["name"], port.get("protocol", "TCP"), port["containerPort"]


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(_holds(e, labels) for e in selector.get("matchExpressions", ()))


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", ())
    return {
        "In": key in labels and labels[key] in values,
        "NotIn": key not in labels or labels[key] not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
