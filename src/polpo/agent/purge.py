"""Removes all that an agent has made on its host. What it does not own stays (see ownership)."""

import contextlib
import shutil

from polpo.agent.balancer import limits
from polpo.agent.balancer.proxy import master
from polpo.agent.config import Config
from polpo.agent.devices import Devices
from polpo.agent.guards import remove_filter
from polpo.agent.ownership import (
    is_host_end,
    is_metadata,
    is_tunnel,
    is_vlan_device,
    metadata_netns,
)
from polpo.agent.pairs import keepalived
from polpo.agent.plugs import Plug, Plugs, SpoiltPlugs
from polpo.agent.ways_in import WaysIn
from polpo.kernel import bpf, mounts, netns
from polpo.kernel.links import delete_link, set_link
from polpo.kernel.netlink import Netlink
from polpo.target.changes import Changes


def purge(config: Config) -> None:
    """In the host's own network namespace, with no agent running. May be repeated."""
    keepalived.end_all(config.runtime / "gateways")
    keepalived.end_all(config.runtime / "balancers")
    master.end_all(config.runtime / "balancers")
    limits.remove_all(config.host)
    with Netlink() as netlink:
        devices = Devices(netlink)
        for link in devices.read().values():
            if any(ours(link) for ours in (is_host_end, is_tunnel, is_vlan_device, is_metadata)):
                delete_link(netlink, link.index)
        close_ways_in(devices)
        netns.delete(metadata_netns(config.runtime))
        for plug in _plugs(config):
            _unplug(plug, devices)
    _remove_pins(config)
    shutil.rmtree(config.runtime, ignore_errors=True)
    shutil.rmtree(config.state, ignore_errors=True)


def close_ways_in(devices: Devices) -> None:
    """Our filters at devices of the host's own."""
    ways = WaysIn(devices, {}, tuple, tuple)
    ways.apply(Changes(put={}, remove=tuple(ways.read_actual())))


def _plugs(config: Config) -> list[Plug]:
    plugs = Plugs(config.state / "plugs.json")
    with contextlib.suppress(SpoiltPlugs):  # spoilt: nothing in it can be believed
        plugs.load()
    return list(plugs)


def _unplug(plug: Plug, devices: Devices) -> None:
    if plug.kind == "netns" and plug.created:
        netns.delete(plug.netns)
    link = devices.read().get(plug.device) if plug.kind == "tap" else None
    if link is not None and plug.created:
        delete_link(devices.netlink, link.index)
    elif link is not None:
        set_link(devices.netlink, link.index, up=False)
        with contextlib.suppress(OSError):  # it has none any more
            remove_filter(devices.netlink, link.index)


def _remove_pins(config: Config) -> None:
    if mounts.is_mountpoint(config.bpffs):
        bpf.unmount(config.bpffs)
