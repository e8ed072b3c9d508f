"""`edns0 TYPE ACTION ...`: EDNS options that a query has on its way from here (RFC 6891 6.1.2)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from polpo.dns.corefile.block import Directive
from polpo.dns.corefile.words import integer
from polpo.dns.query import Query
from polpo.dns.wire.message import Option
from polpo.dns.wire.name import to_text

ACTIONS = ("set", "replace", "append", "unset")
NSID, SUBNET = 3, 8
MOST_DATA_BYTES = 1024  # a query has to fit in a datagram
VARIABLES = (
    "qname", "qtype", "client_ip", "client_port", "protocol", "server_ip", "server_port",
)  # fmt: skip
_VARIABLE = re.compile(r"\{([^}]*)\}")
USAGE = (
    "edns0 local set|replace|append CODE DATA, edns0 local unset CODE, edns0 nsid ACTION, "
    "edns0 subnet set|replace|append V4-BITS V6-BITS, edns0 subnet unset"
)


class EdnsRule(NamedTuple):
    """`data` of an option of this code, or the name of what it is made of, or for a subnet how much
    of IPv4 and IPv6 addresses is told."""

    action: str
    code: int
    data: bytes = b""
    variable: str = ""
    bits: tuple[int, int] = (0, 0)
    is_subnet: bool = False


def parse(directive: Directive, words: list[str]) -> EdnsRule:
    if words and words[-1] == "revert":  # who asks sees no option of the reply in any case
        words = words[:-1]
    if len(words) < 2 or words[1] not in ACTIONS:
        raise directive.wrong(USAGE)
    kind, action, *rest = words
    if kind == "nsid" and not rest:
        return EdnsRule(action, NSID)
    if kind == "local" and len(rest) == (1 if action == "unset" else 2):
        code = _code(directive, rest[0])
        return (
            EdnsRule(action, code, *_data(directive, rest[1]))
            if rest[1:]
            else EdnsRule(action, code)
        )
    if kind == "subnet" and len(rest) == (0 if action == "unset" else 2):
        bits = [integer(directive, word, 0) for word in rest] or [0, 0]
        if bits[0] > 32 or bits[1] > 128:
            raise directive.wrong("an IPv4 address has 32 bits, an IPv6 address 128")
        return EdnsRule(action, SUBNET, bits=(bits[0], bits[1]), is_subnet=True)
    raise directive.wrong(USAGE)


def changed(rule: EdnsRule, query: Query, server: str) -> tuple[Option, ...] | None:
    """The query's options after the rule; None if there is nothing to be done.

    `set` has it there in any case, `replace` only instead of one, `append` only where none is.
    """
    others = tuple(option for option in query.options if option.code != rule.code)
    is_there = len(others) < len(query.options)
    if (rule.action in {"unset", "replace"} and not is_there) or (
        rule.action == "append" and is_there
    ):
        return None
    if rule.action == "unset":
        return others
    data = _subnet(rule, query) if rule.is_subnet else rule.data
    if rule.variable:
        data = _value(rule.variable, query, server)
    return (*others, Option(rule.code, data))


def _code(directive: Directive, word: str) -> int:
    try:
        code = int(word, 0)
    except ValueError:
        code = -1
    if not 0 < code < 65536:
        raise directive.wrong(f"{word}: the code of an option is a number, such as 0xffee")
    return code


def _data(directive: Directive, word: str) -> tuple[bytes, str]:
    variable = _VARIABLE.fullmatch(word)
    if variable is not None:
        if variable[1] not in VARIABLES and "/" not in variable[1]:
            shown = ", ".join(f"{{{name}}}" for name in VARIABLES)
            raise directive.wrong(f"{word}: there are {shown}, and labels of metadata")
        return b"", variable[1]
    try:
        data = bytes.fromhex(word[2:]) if word.startswith("0x") else word.encode()
    except ValueError as wrong:
        raise directive.wrong(f"{word}: {wrong}") from wrong
    if len(data) > MOST_DATA_BYTES:
        raise directive.wrong(f"data of more than {MOST_DATA_BYTES} bytes")
    return data, ""


def _subnet(rule: EdnsRule, query: Query) -> bytes:
    """RFC 7871 6: family, bits that are told, scope 0, the bytes that they take."""
    address = ip_address(query.client)
    bits = rule.bits[0] if address.version == 4 else rule.bits[1]
    size = (bits + 7) // 8
    told = int(address) >> (address.max_prefixlen - bits) << (address.max_prefixlen - bits)
    packed = told.to_bytes(address.max_prefixlen // 8, "big")[:size]
    return bytes((0, 1 if address.version == 4 else 2, bits, 0)) + packed


def _value(variable: str, query: Query, server: str) -> bytes:
    """As CoreDNS packs it: names and words as text, addresses and numbers as bytes."""
    if "/" in variable:
        return query.fact(variable).encode()
    host, _, port = server.partition("://")[2].rpartition(":")
    match variable:
        case "qname":
            return to_text(query.name).encode()
        case "qtype":
            return query.type.to_bytes(2, "big")
        case "client_ip":
            return ip_address(query.client).packed
        case "client_port":
            return query.port.to_bytes(2, "big")
        case "protocol":
            return b"udp" if query.protocol == "udp" else b"tcp"
        case "server_port":
            return int(port).to_bytes(2, "big")
    return ip_address(host.strip("[]")).packed if host else b""
