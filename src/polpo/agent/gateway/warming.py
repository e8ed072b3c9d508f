"""What an instance is to have outside when it becomes active on purpose, put there a moment before.

keepalived says that it is active before it adds its addresses, and its peer takes its own away as
soon as it hears that: in between nobody would have them. So they are there already; it takes those
that it finds for its own, and takes them away when it is active no more.
"""

import contextlib

from polpo.agent.gateway.externals import external_in
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.vrrp import outside, routes_outside
from polpo.kernel import netns
from polpo.kernel.addresses import Route, add_address, add_route
from polpo.kernel.netlink import Netlink


def warm(instance: Instance) -> None:
    """As far as it goes: what is missing is a moment's loss."""
    with contextlib.suppress(OSError), netns.netlink_in(instance.netns) as netlink:
        external = external_in(netlink)
        if external is not None and external.carrier:
            _put(netlink, external.index, instance)


def _put(netlink: Netlink, index: int, instance: Instance) -> None:
    for address in outside(instance.row):
        with contextlib.suppress(OSError):
            add_address(netlink, index, address)
    for prefix, hops in routes_outside(instance.row):
        with contextlib.suppress(OSError):
            add_route(netlink, index, Route(prefix, hops[0] if hops else None))
