"""What an instance is to have outside, beside keepalived.

When one becomes active on purpose it has everything there a moment before: keepalived says that
it is active before it adds its addresses, and its peer takes its own away as soon as it hears that;
in between nobody would have them. keepalived takes those that it finds for its own, and takes them
away when it is active no more.

One that is active is given the routes that it lacks: keepalived (2.2.7) may forget them when
external0 goes and comes while it reads its file anew. What was given so, keepalived may never have
known as its own: it is taken back here when the row has it no more.
"""

import contextlib

from polpo.agent.gateway.externals import external_in
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.vrrp import outside, routes_outside
from polpo.kernel import netns
from polpo.kernel.addresses import (
    Route,
    add_address,
    add_route,
    delete_route,
    destinations,
    dump_routes,
    parse_routes,
)
from polpo.kernel.netlink import Netlink


def warm(instance: Instance) -> None:
    """As far as it goes: what is missing is a moment's loss."""
    with contextlib.suppress(OSError), netns.netlink_in(instance.netns) as netlink:
        external = external_in(netlink)
        if external is None or not external.carrier:
            return
        for address in outside(instance.row):
            with contextlib.suppress(OSError):
                add_address(netlink, external.index, address)
        fit_routes(netlink, external.index, instance)


def fit_routes(netlink: Netlink, index: int, instance: Instance) -> None:
    """Of several next hops the first, which is better than none."""
    wanted = dict(routes_outside(instance.row))
    for route in parse_routes(dump_routes(netlink, index)):  # those that are ours by their protocol
        if route.destination not in wanted:
            with contextlib.suppress(OSError):
                delete_route(netlink, index, route)
    there = destinations(netlink, index)
    for prefix, hops in wanted.items():
        if prefix not in there:
            with contextlib.suppress(OSError):
                add_route(netlink, index, Route(prefix, hops[0] if hops else None))
