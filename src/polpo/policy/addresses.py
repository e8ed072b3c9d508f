"""Address groups that rules name: addresses of nodes, and of domain names. Pure.

A key says what is in the group, so that policies that speak of the same share one:
`nodes/<labels>`, `domain/<name>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from ipaddress import ip_address
from typing import NamedTuple

from polpo.kube.objects import Node
from polpo.kube.selectors import LabelSelector, matches, parse
from polpo.model.told import Addresses, Group
from polpo.policy.members import Labels, selected, text_of

NODES, DOMAIN = "nodes/", "domain/"
WILDCARD = "*."
"""Before a name: all names below it, however far, and not itself (network-policy-api)."""
NO_ADDRESSES = ("Hostname", "InternalDNS", "ExternalDNS")
"""Types of a node's addresses that are names."""


class NodeAddresses(NamedTuple):
    labels: tuple[tuple[str, str], ...]
    addresses: frozenset[str]


class Places(NamedTuple):
    """Nodes, and what domain names have been resolved to, by name."""

    nodes: Mapping[str, NodeAddresses]
    domains: Mapping[str, Set[str]]


NOWHERE = Places({}, {})


def nodes_key(selector: LabelSelector) -> str:
    return NODES + text_of(selected(selector))


def domain_key(name: str) -> str:
    """Names are the same in any case, with or without the dot at the end."""
    return DOMAIN + name.lower().removesuffix(".")


def domain_of(key: str) -> str:
    """ "" for another kind of group."""
    return key.removeprefix(DOMAIN) if key.startswith(DOMAIN) else ""


def is_wildcard(name: str) -> bool:
    return name.startswith(WILDCARD)


def keys_of(groups: Iterable[Group]) -> set[str]:
    """Of the address groups that rules name."""
    return {rule.remote_addresses for group in groups for rule in group.rules} - {""}


def node_addresses(node: Node) -> NodeAddresses:
    """All that its status says, whatever they are for; what is no address is left out."""
    told = (a.address for a in node.status.addresses or () if a.type not in NO_ADDRESSES)
    labels: Labels = node.metadata.labels or {}
    return NodeAddresses(tuple(sorted(labels.items())), frozenset(filter(_is_address, told)))


def addresses(key: str, places: Places) -> Addresses:
    """What is in a group now."""
    if domain := domain_of(key):
        return Addresses(key, _prefixes(places.domains.get(domain, ())))
    wanted = parse(key.removeprefix(NODES))
    nodes = (node for node in places.nodes.values() if matches(wanted, dict(node.labels)))
    return Addresses(key, _prefixes(address for node in nodes for address in node.addresses))


def _prefixes(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({f"{ip_address(a)}/{ip_address(a).max_prefixlen}" for a in found}))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
