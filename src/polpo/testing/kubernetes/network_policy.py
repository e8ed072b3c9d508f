"""NetworkPolicy, and ClusterNetworkPolicy, as their documentation has them, word by word and on the
API's own JSON.

Tests compare with it what becomes of policies in the network. Nothing here is fast, or shares code
with what is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Any, NamedTuple

from polpo.testing.kubernetes.objects import Object

FIELDS = {"ingress": "from", "egress": "to"}
KNOWN = {"namespaces", "pods", "networks", "nodes", "domainNames"}
"""Kinds of peers: who does not know one is told to fail closed."""

OLDER = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
ADDRESSES = {"ipBlock", "networks", "nodes", "domainNames"}


class Traffic(NamedTuple):
    """`protocol` as in the API, or another (ICMP) that only rules without ports allow."""

    protocol: str
    port: int = 0


class Cluster(NamedTuple):
    namespaces: dict[str, dict[str, str]]
    """Their labels."""
    pods: list[Object]
    policies: list[Object]
    cluster_policies: Sequence[Object] = ()
    nodes: Sequence[Object] = ()
    domains: Mapping[str, Sequence[str]] = MappingProxyType({})
    """What names stand for."""
    older: Sequence[Object] = ()
    """AdminNetworkPolicies and the BaselineAdminNetworkPolicy."""

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
        asked = end, direction, peer, traffic, receiver
        action = self._tier("Admin", *asked)
        if action in ("Accept", "Deny"):
            return action == "Accept"
        allowed = self._by_namespace(*asked)
        if allowed is not None:
            return allowed
        return self._tier("Baseline", *asked) != "Deny"

    def _by_namespace(
        self,
        end: Object,
        direction: str,
        peer: Object | str,
        traffic: Traffic,
        receiver: Object | str,
    ) -> bool | None:
        """ "v1.NetworkPolicy always makes a final decision for selected pods." """
        isolating = [p for p in self.policies if self._isolates(p, direction, end)]
        if not isolating:
            return None
        return any(
            (wanted is None or self._is_peer(wanted, policy, peer))
            and _has_port(rule.get("ports"), traffic, _named_by(wanted, direction, receiver))
            for policy in isolating
            for rule in policy["spec"].get(direction) or ()
            for wanted in rule.get(FIELDS[direction]) or (None,)
        )

    def _tier(
        self,
        tier: str,
        end: Object,
        direction: str,
        peer: Object | str,
        traffic: Traffic,
        receiver: Object | str,
    ) -> str | None:
        """The action of the first rule that is about it: by priority, then as they are written."""
        for spec in self._specs(tier):
            for rule in spec.get(direction, ()) if self._targets(spec["subject"], end) else ():
                action = "Accept" if rule["action"] == "Allow" else str(rule["action"])
                if any(_is_unknown(wanted, action) for wanted in rule[FIELDS[direction]]):
                    if action == "Accept":
                        continue  # "treat the rule as matching no traffic"
                    return "Deny"  # "treat the rule as a 'Deny all' rule"
                for wanted in rule[FIELDS[direction]]:
                    named = _named_by(wanted, direction, receiver)
                    if self._targets(wanted, peer) and _has_protocol(rule, traffic, named):
                        return action
        return None

    def _specs(self, tier: str) -> list[Object]:
        """By priority; the older baseline is the last of all."""
        found = [p["spec"] for p in self.cluster_policies if p["spec"]["tier"] == tier]
        found += [p["spec"] for p in self.older if OLDER[p["kind"]] == tier]
        return sorted(found, key=lambda spec: int(spec.get("priority", 1001)))

    def _targets(self, wanted: Object, end: Object | str) -> bool:
        if "networks" in wanted:
            return any(_inside(end, network) for network in wanted["networks"])
        if "nodes" in wanted:
            return address_of(end) in self._of_nodes(wanted["nodes"])
        if "domainNames" in wanted:
            return any(address_of(end) in self.domains.get(n, ()) for n in wanted["domainNames"])
        if isinstance(end, str):
            return False
        labels = self.namespaces[end["metadata"]["namespace"]]
        if "namespaces" in wanted:
            return _selects(wanted["namespaces"], labels)
        pods = wanted["pods"]
        there = _selects(pods["namespaceSelector"], labels)
        return there and _selects(pods["podSelector"], end["metadata"].get("labels", {}))

    def _of_nodes(self, selector: Object) -> set[str]:
        """ "It selects the nodeIPs [...] present in the node.Status.Addresses field." """
        chosen = (n for n in self.nodes if _selects(selector, n["metadata"].get("labels", {})))
        return {one["address"] for node in chosen for one in node["status"]["addresses"]}

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


def _is_unknown(peer: Object, action: str) -> bool:
    """ "DomainNames is only supported for Accept rules." """
    return not set(peer) <= KNOWN or ("domainNames" in peer and action != "Accept")


def _named_by(peer: Object | None, direction: str, receiver: Object | str) -> Object | str:
    """Whose names of ports count. Addresses have none: policy/README.md."""
    outside = direction == "egress" and not ADDRESSES.isdisjoint(peer or ())
    return address_of(receiver) if outside else receiver


def _has_protocol(rule: Object, traffic: Traffic, receiver: Object | str) -> bool:
    """ "If unspecified, protocol-specific attributes will not be used to match traffic." """
    ports = rule.get("ports")
    if ports:
        return any(_is_older_port(port, traffic, receiver) for port in ports)
    protocols = rule.get("protocols")
    return protocols is None or any(_is_protocol(one, traffic, receiver) for one in protocols)


def _is_protocol(wanted: Object, traffic: Traffic, receiver: Object | str) -> bool:
    name = wanted.get("destinationNamedPort")
    if name is not None:
        return (name, traffic.protocol, traffic.port) in _named(receiver)
    ports = wanted.get(traffic.protocol.lower())
    if ports is None:
        return False
    to = ports.get("destinationPort")
    if to is None:
        return True
    low, high = (
        (to["number"],) * 2 if "number" in to else (to["range"]["start"], to["range"]["end"])
    )
    return int(low) <= traffic.port <= int(high)


def _is_older_port(wanted: Object, traffic: Traffic, receiver: Object | str) -> bool:
    """ "Protocol [...] If not specified, this field defaults to TCP." """
    if "namedPort" in wanted:
        return (wanted["namedPort"], traffic.protocol, traffic.port) in _named(receiver)
    one = wanted.get("portNumber") or wanted["portRange"]
    low, high = (one["port"],) * 2 if "port" in one else (one["start"], one["end"])
    same = bool(one.get("protocol", "TCP") == traffic.protocol)
    return same and int(low) <= traffic.port <= int(high)


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
