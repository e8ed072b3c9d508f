"""What users ask for by annotations, read with care: a wrong one is named, and what is allowed.

The names are those of cloud-provider-openstack, with the same meaning and defaults (README.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

PREFIX = "loadbalancer.openstack.org/"
INTERNAL = "service.beta.kubernetes.io/openstack-internal-load-balancer"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
MEMBERS = "loadbalancer.polpo.dev/members"
MADE = "loadbalancer.polpo.dev/made"
"""Ours: the id of a load balancer that we made; where LOAD_BALANCER_ID says another, that one is
somebody else's and shared."""

CLASS = PREFIX + "class"
FLOATING_NETWORK = PREFIX + "floating-network-id"
FLOATING_SUBNET = PREFIX + "floating-subnet"
FLOATING_SUBNET_ID = PREFIX + "floating-subnet-id"
FLOATING_SUBNET_TAGS = PREFIX + "floating-subnet-tags"
KEEP_FLOATING = PREFIX + "keep-floatingip"
PORT_ID = PREFIX + "port-id"
SUBNET_ID = PREFIX + "subnet-id"
NETWORK_ID = PREFIX + "network-id"
MEMBER_SUBNET_ID = PREFIX + "member-subnet-id"
LB_METHOD = PREFIX + "lb-method"
PROXY_PROTOCOL = PREFIX + "proxy-protocol"
X_FORWARDED_FOR = PREFIX + "x-forwarded-for"
CONNECTION_LIMIT = PREFIX + "connection-limit"
TIMEOUT_CLIENT_DATA = PREFIX + "timeout-client-data"
TIMEOUT_MEMBER_CONNECT = PREFIX + "timeout-member-connect"
TIMEOUT_MEMBER_DATA = PREFIX + "timeout-member-data"
TIMEOUT_TCP_INSPECT = PREFIX + "timeout-tcp-inspect"
HEALTH_MONITOR = PREFIX + "enable-health-monitor"
MONITOR_DELAY = PREFIX + "health-monitor-delay"
MONITOR_TIMEOUT = PREFIX + "health-monitor-timeout"
MONITOR_MAX_RETRIES = PREFIX + "health-monitor-max-retries"
MONITOR_MAX_RETRIES_DOWN = PREFIX + "health-monitor-max-retries-down"
FLAVOR_ID = PREFIX + "flavor-id"
AVAILABILITY_ZONE = PREFIX + "availability-zone"
TLS_CONTAINER = PREFIX + "default-tls-container-ref"
NODE_SELECTOR = PREFIX + "node-selector"
HOSTNAME = PREFIX + "hostname"
LOAD_BALANCER_ID = PREFIX + "load-balancer-id"
LOAD_BALANCER_ADDRESS = PREFIX + "load-balancer-address"


class Unusable(Exception):
    """What a Service asks for cannot be: said in an Event, for its user. Nothing is changed."""


class Annotations:
    """Of one Service. All methods raise Unusable for what they cannot read."""

    def __init__(self, given: Mapping[str, str] | None) -> None:
        self._given = given or {}

    def text(self, name: str, default: str = "") -> str:
        """Empty is a value of its own: it takes away what the settings say."""
        return self._given.get(name, default).strip()

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, {"true": True, "false": False}, default)

    def choice(self, name: str, allowed: Mapping[str, T], default: T) -> T:
        value = self.text(name)
        if name not in self._given:
            return default
        if value not in allowed:
            raise _wrong(name, value, f"one of {', '.join(allowed)}")
        return allowed[value]

    def one_of(self, name: str, allowed: Sequence[str], default: str) -> str:
        return self.choice(name, {word: word for word in allowed}, default)

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name)
        if name not in self._given:
            return default
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise _wrong(name, value, f"a whole number from {least} to {most}")
        return number

    def labels(self, name: str, default: str) -> dict[str, str]:
        """`key=value,key`: without a value any will do."""
        pairs = (word.strip().partition("=") for word in self.text(name, default).split(","))
        found = {key.strip(): value.strip() for key, _, value in pairs if key.strip()}
        if not found and self.text(name):
            raise _wrong(name, self.text(name), "labels as key=value, with commas between them")
        return found


def _wrong(name: str, value: str, allowed: str) -> Unusable:
    return Unusable(f"annotation {name} is {value!r}, and may be {allowed}")
