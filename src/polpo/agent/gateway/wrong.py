"""Which connections a gateway's row does not allow: translated, or let through, otherwise. Pure.

conntrack remembers how each connection was translated and goes on with it; rules are asked about
the first packet only. One that is forgotten is judged anew.
"""

from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network

from polpo.agent.gateway.translation import forwarded, inward, outward, own_ipv4
from polpo.kernel.conntrack import Connection
from polpo.target.rows import Gateway

Known = Callable[[bytes], bool]  # whether an address (packed) is one of these


class Allowed:
    """What a row allows, of connections as conntrack shows them."""

    def __init__(self, gateway: Gateway) -> None:
        own = own_ipv4(gateway)
        self._own = own.packed if own else None
        self._floating = {a.packed: b.packed for a, b in inward(gateway).items()}
        self._fixed = {a.packed: b.packed for a, b in outward(gateway).items()}
        self._forwarded = {
            (protocol, floating.packed, port): (fixed.packed, to)
            for (protocol, floating, port), (fixed, to) in forwarded(gateway)
        }
        self._local = _local(gateway)
        self._hidden, self._routed = _within(gateway.snat), _within(gateway.routed)

    def is_wrong(self, c: Connection) -> bool:
        return not (self._leads_right(c) and self._speaks_right(c))

    def _leads_right(self, c: Connection) -> bool:
        """To where its destination is translated now."""
        to = self._forwarded.get((c.protocol, c.destination, c.port))
        if to is not None:
            return to == (c.answers, c.answers_port)
        return c.answers == self._floating.get(c.destination, c.destination)

    def _speaks_right(self, c: Connection) -> bool:
        """As what its source is translated to now. What comes from outside is not."""
        as_it_is, led = c.answered == c.source, c.answers != c.destination
        if not led and (self._local(c.source) or self._local(c.destination)):
            return as_it_is
        if c.source in self._fixed:
            return c.answered == self._fixed[c.source]
        if led:
            return as_it_is or c.answered == self._own
        if self._own is not None and self._hidden(c.source):
            return c.answered == self._own
        return as_it_is and (self._routed(c.source) or self._routed(c.destination))


def _local(gateway: Gateway) -> Known:
    """The gateway's own outside, in the transit network, and whatever is never routed."""
    own = {ip_interface(text).ip.packed for text in gateway.external}

    @cache
    def known(packed: bytes) -> bool:
        address = ip_address(packed)
        beyond = address.is_link_local or address.is_multicast or address.is_loopback
        return packed in own or beyond

    return known


def _within(prefixes: Iterable[str]) -> Known:
    networks = [ip_network(prefix) for prefix in prefixes]

    @cache
    def known(packed: bytes) -> bool:
        address = ip_address(packed)
        return any(address in network for network in networks)

    return known
