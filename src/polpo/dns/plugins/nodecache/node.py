"""The device, its addresses, the rules against connection tracking: made, mended, removed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugins.nodecache.rules import removal, rules, table_name
from polpo.dns.plugins.nodecache.setup import parse
from polpo.kernel import nftables
from polpo.kernel.addresses import add_address, addresses_of, delete_address
from polpo.kernel.links import add_holder, delete_link, set_link
from polpo.kernel.netlink import Netlink

CHECK_S = 60.0


class Wanted(NamedTuple):
    """What a device is to have."""

    addresses: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    keep: bool = False
    tracked: bool = False


def wanted(blocks: Iterable[ServerBlock], port: int, given: dict[str, Wanted]) -> dict[str, Wanted]:
    """By the name of the device, of all blocks together, besides what is `given` otherwise."""
    found = dict(given)
    for block in blocks:
        directives = block.named("nodecache")
        if directives:
            value = parse(directives, block)
            before = found.get(value.interface, Wanted())
            ports = frozenset(address.port or port for address in block.addresses)
            found[value.interface] = Wanted(
                before.addresses | frozenset(value.addresses),
                before.ports | ports,
                before.keep or value.keep,
                before.tracked or value.tracked,
            )
    return found


class Node:
    """Of the network namespace that the process is in. `failed` hears what kind of thing failed."""

    def __init__(self, failed: Callable[[str, OSError], None]) -> None:
        self._failed = failed
        self._wanted: dict[str, Wanted] = {}
        self._rules: dict[str, str] = {}

    def set(self, wanted: dict[str, Wanted]) -> None:
        """Have these and no others. OSError if a device or an address cannot be made."""
        for name in self._wanted.keys() - wanted.keys():
            self._remove(name)
        self._wanted = wanted
        for name, want in wanted.items():
            _make(name, want.addresses)
            self._keep_rules(name, want)

    def mend(self) -> None:
        """Whatever somebody else has removed is there again."""
        for name, want in self._wanted.items():
            try:
                _make(name, want.addresses)
            except OSError as failed:
                self._failed("interface_add", failed)
            self._keep_rules(name, want)

    def end(self) -> None:
        """Remove what is not to be kept."""
        for name, want in self._wanted.items():
            if not want.keep:
                self._remove(name)

    def _keep_rules(self, name: str, want: Wanted) -> None:
        if want.tracked:
            return
        text = rules(name, want.addresses, want.ports)
        if self._rules.get(name) == text and nftables.show(table_name(name)):
            return
        try:
            nftables.apply(text)
            self._rules[name] = text
        except OSError as failed:
            self._failed("nftables", failed)

    def _remove(self, name: str) -> None:
        self._rules.pop(name, None)
        with suppress(OSError):
            nftables.apply(removal(name))
        with suppress(OSError), Netlink() as netlink:
            delete_link(netlink, socket.if_nametoindex(name))


def _make(name: str, addresses: frozenset[str]) -> None:
    """The device, up, with these addresses and no others."""
    with Netlink() as netlink:
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            add_holder(netlink, name)
            index = socket.if_nametoindex(name)
        set_link(netlink, index, up=True)
        there = frozenset(addresses_of(name))
        for address in addresses - there:
            add_address(netlink, index, _with_length(address))
        for address in there - addresses:
            delete_address(netlink, index, _with_length(address))


def _with_length(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
