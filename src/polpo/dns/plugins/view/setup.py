"""`view NAME { expr EXPRESSION... }`: the block is for queries of which all of them are true."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once, unknown
from polpo.dns.plugins.view.expression import Node, compile_expression
from polpo.dns.query import Query
from polpo.dns.wire.message import OPCODE
from polpo.dns.wire.name import to_text
from polpo.dns.wire.registry import class_name, type_name


class View(NamedTuple):
    name: str
    conditions: tuple[Node, ...]


class Asked(NamedTuple):
    """What expressions are about. `server`: the label, "dns://10.0.0.1:53"."""

    query: Query
    server: str


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> View:
    directive = once(directives)
    (name,) = arguments(directive, 1)
    conditions = []
    for option in directive.block:
        if option.name != "expr":
            unknown(directive, option, ("expr",))
        try:
            conditions.append(compile_expression(" ".join(option.arguments), FUNCTIONS))
        except ValueError as wrong:
            raise option.wrong(f"expr: {wrong}") from wrong
    if not conditions:
        raise directive.wrong("a view has one expr or more")
    return View(name, tuple(conditions))


def view_of(block: ServerBlock) -> View | None:
    directives = block.named("view")
    return parse(directives, block) if directives else None


def test_of(view: View, server: str) -> Callable[[Query], bool]:
    """Whether a query is for the view. An expression that has no value for it is not true."""

    def fits(query: Query) -> bool:
        asked = Asked(query, server)
        try:
            return all(condition(asked) is True for condition in view.conditions)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return False

    return fits


def _in_network(asked: Asked, address: str, network: str) -> bool:
    return ip_address(address) in ip_network(network, strict=False)


def _server(asked: Asked) -> tuple[str, str]:
    host, _, port = asked.server.partition("://")[2].rpartition(":")
    return host.strip("[]"), port


def _metadata(asked: Asked, label: str) -> str:
    return asked.query.fact(label)


# As CoreDNS's README of `view` has them: how many arguments, and what they say.
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "bufsize": (0, lambda a: a.query.size),
    "class": (0, lambda a: class_name(a.query.class_)),
    "client_ip": (0, lambda a: a.query.client),
    "do": (0, lambda a: a.query.dnssec_ok),
    "id": (0, lambda a: int.from_bytes(a.query.message[:2], "big")),
    "incidr": (2, _in_network),
    "metadata": (1, _metadata),
    "name": (0, lambda a: to_text(a.query.name)),
    "opcode": (0, lambda a: (a.query.flags & OPCODE) >> 11),
    "port": (0, lambda a: str(a.query.port)),
    "proto": (0, lambda a: "udp" if a.query.protocol == "udp" else "tcp"),
    "server_ip": (0, lambda a: _server(a)[0]),
    "server_port": (0, lambda a: _server(a)[1]),
    "size": (0, lambda a: len(a.query.message)),
    "type": (0, lambda a: type_name(a.query.type)),
}
