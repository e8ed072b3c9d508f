"""Addresses in directives: where a page is served, whom to ask."""

from __future__ import annotations

from ipaddress import ip_address

from polpo.dns.corefile.block import Directive


def http_address(directive: Directive, words: tuple[str, ...], otherwise: str) -> str:
    """`host:port`, `:port` or the default."""
    text = words[0] if words else otherwise
    host, mark, port = text.rpartition(":")
    if not mark or not port.isdigit() or int(port) > 65535:
        raise directive.wrong(f"{text} is no address such as :8080 or localhost:9153")
    if "]" in host or host.count(":"):
        try:
            ip_address(host.strip("[]"))
        except ValueError as wrong:
            raise directive.wrong(str(wrong)) from wrong
    return text


def host_and_port(text: str, port: int) -> tuple[str, int]:
    """An IP address with or without a port, IPv6 in brackets then. ValueError if it is none."""
    try:
        return str(ip_address(text)), port
    except ValueError:
        host, mark, number = text.rpartition(":")
        if not mark or not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError(f"{text} is no IP address with or without a port") from None
        return str(ip_address(host.removeprefix("[").removesuffix("]"))), int(number)
