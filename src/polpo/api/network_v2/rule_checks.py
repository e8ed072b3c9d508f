"""What a security group rule may say (Neutron's `securitygroup` extension and database mixin)."""

from ipaddress import ip_network
from typing import Any

import msgspec

from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.values import Kind, nullable
from polpo.model import protocol as protocols
from polpo.model.security_group import SecurityGroupRule

IPV6_ONLY = frozenset({41, 44, 58, 59, 60, 43})
WITH_PORTS = "DCCP, SCTP, TCP, UDP, UDPLITE"
EVERY_PORT = (1, 65535)


def refused(type: str, message: str) -> NeutronError:
    return NeutronError(400, type, message)


def ethertype() -> Kind:
    """IPv4 or IPv6, in any case of letters."""

    def read(value: Any) -> str:
        for known in ("IPv4", "IPv6"):
            if isinstance(value, str) and value.lower() == known.lower():
                return known
        raise refused(
            "SecurityGroupRuleInvalidEtherType",
            f"Security group rule for ethertype '{value}' not supported. "
            "Allowed values are ['IPv4', 'IPv6'].",
        )

    return Kind(read, {"enum": ["IPv4", "IPv6"]})


def protocol() -> Kind:
    """A name, a number 0 to 255 as text, or null or `any`."""

    def read(value: Any) -> str | None:
        if value is None or value == "any":
            return None
        word = str(value).lower() if isinstance(value, str | int) else ""
        if word in protocols.NUMBERS:
            return word
        if word.isascii() and word.isdigit() and len(word) < 4 and int(word) < 256:
            return str(int(word))
        names = [None, "any", *protocols.NUMBERS]
        raise refused(
            "SecurityGroupRuleInvalidProtocol",
            f"Security group rule protocol {value} not supported. Only protocol values {names} "
            "and integer representations [0 to 255] are supported.",
        )

    return Kind(read, {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]})


def port() -> Kind:
    """A port, or an ICMP type or code: 0 to 65535, as a number or as text."""

    def read(value: Any) -> int:
        text = "" if isinstance(value, bool) else str(value)
        if isinstance(value, str | int) and text.isascii() and text.isdigit() and len(text) < 6:
            number = int(text)
            if number <= 65535:
                return number
        raise refused("SecurityGroupInvalidPortValue", f"Invalid value for port {str(value)[:64]}")

    return nullable(Kind(read, {"type": "integer", "minimum": 0, "maximum": 65535}, _query))


def _query(value: str) -> Any:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else value


def remote_prefix() -> Kind:
    """A prefix; an address means itself alone. As in Neutron, host bits stay as given."""

    def read(value: Any) -> str | None:
        if value in (None, ""):
            return None
        try:
            if isinstance(value, str) and "%" not in value:
                network = ip_network(value, strict=False)
                address, _, _ = value.partition("/")
                written = ip_network(address)[0]
                return f"{written}/{network.prefixlen}"
        except ValueError:
            pass
        raise refused("InvalidCIDR", f"Invalid CIDR {value} given as IP prefix.")

    return Kind(read, {"anyOf": [{"type": "string"}, {"type": "null"}]})


def normalized(prefix: str | None) -> str | None:
    """With its host bits cleared: Neutron's `normalized_cidr`."""
    return str(ip_network(prefix, strict=False)) if prefix else None


def canonical(rule: SecurityGroupRule) -> SecurityGroupRule:
    """As Neutron keeps it: ICMP of IPv6 by its own name, all ports as no ports."""
    if rule.ethertype == "IPv6" and rule.protocol in ("icmp", "icmpv6", "1"):
        name = "58" if rule.protocol == "1" else "ipv6-icmp"
        rule = msgspec.structs.replace(rule, protocol=name)
    if (rule.port_range_min, rule.port_range_max) == EVERY_PORT:
        rule = msgspec.structs.replace(rule, port_range_min=None, port_range_max=None)
    return rule


def check(rule: SecurityGroupRule) -> None:
    """The parts against each other."""
    _check_ports(rule)
    _check_prefix(rule)
    number = protocols.number(rule.protocol, rule.ethertype)
    if rule.ethertype == "IPv4" and number in IPV6_ONLY:
        raise refused(
            "SecurityGroupEthertypeConflictWithProtocol",
            f"Invalid ethertype {rule.ethertype} for protocol {rule.protocol}.",
        )
    remotes = (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id)
    if sum(remote is not None for remote in remotes) > 1:
        raise refused(
            "SecurityGroupMultipleRemoteEntites",
            "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be "
            "provided.",
        )


def _check_prefix(rule: SecurityGroupRule) -> None:
    if rule.remote_ip_prefix is None:
        return
    if f"IPv{ip_network(rule.remote_ip_prefix, strict=False).version}" != rule.ethertype:
        raise refused(
            "SecurityGroupRuleParameterConflict",
            f"Conflicting value ethertype {rule.ethertype} for CIDR {rule.remote_ip_prefix}",
        )


def _check_ports(rule: SecurityGroupRule) -> None:
    low, high = rule.port_range_min, rule.port_range_max
    if low is None and high is None:
        return
    number = protocols.number(rule.protocol, rule.ethertype)
    if number is None:
        raise refused(
            "SecurityGroupProtocolRequiredWithPorts",
            "Must also specify protocol if port range is given.",
        )
    if number in protocols.WITH_PORTS:
        _check_range(low, high)
    elif number in (protocols.ICMP, protocols.ICMPV6):
        _check_icmp(low, high)
    else:
        raise refused(
            "SecurityGroupInvalidProtocolForPort",
            f"Ports cannot be specified for protocol {number}. Ports are only supported for "
            f"{WITH_PORTS}.",
        )


def _check_range(low: int | None, high: int | None) -> None:
    if low == 0 or high == 0:
        raise refused("SecurityGroupInvalidPortValue", "Invalid value for port 0")
    if low is None or high is None or low > high:
        raise refused(
            "SecurityGroupInvalidPortRange",
            "For TCP/UDP protocols, port_range_min must be <= port_range_max",
        )


def _check_icmp(type: int | None, code: int | None) -> None:
    for attribute, field, value in (
        ("port_range_min", "type", type),
        ("port_range_max", "code", code),
    ):
        if value is not None and value > 255:
            raise refused(
                "SecurityGroupInvalidIcmpValue",
                f"Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255.",
            )
    if type is None:
        raise refused(
            "SecurityGroupMissingIcmpType",
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is "
            "missing.",
        )
