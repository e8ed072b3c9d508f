"""Target and plugs -> what each reconciler has to make true. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from polpo.agent.addressing import Address, SubnetOf, addresses
from polpo.agent.devices import device_of
from polpo.agent.ownership import METADATA, TUNNEL, alias
from polpo.agent.plugs import Plug
from polpo.dataplane.metadata import ADDRESSES
from polpo.kernel.addresses import Route
from polpo.kernel.links import Vxlan
from polpo.target.rows import Port

TUNNEL_MTU = 65465  # the most that fits: the ports' own MTUs keep frames within the underlay's


class Wired(NamedTuple):
    """A port that is both in the target and plugged here."""

    port: Port
    plug: Plug


class Tunnel(msgspec.Struct, frozen=True):
    """The VXLAN device."""

    vxlan: Vxlan
    mtu: int = TUNNEL_MTU


class HostEnd(msgspec.Struct, frozen=True):
    """A port's device in the host's namespace. A tap keeps the alias that others gave it."""

    mtu: int
    alias: str | None


class Wire(msgspec.Struct, frozen=True):
    """The workload's end of a veth pair, with what is ours on it."""

    device: str
    mac: str
    mtu: int
    addresses: frozenset[str]
    routes: frozenset[Route]
    up: bool = True
    loopback_up: bool = True


def wired(
    ports: Mapping[str, Port], plugs: Iterable[Plug], exists: Callable[[str], bool]
) -> dict[str, Wired]:
    """Device name -> port. A plug whose namespace is gone, and is not ours to make, waits."""
    return {
        device_of(plug): Wired(ports[plug.port], plug)
        for plug in plugs
        if plug.port in ports and not plug.leaving and (_makable(plug) or exists(plug.netns))
    }


def _makable(plug: Plug) -> bool:
    return plug.kind == "tap" or plug.created


def tunnel(underlay: str, vxlan_port: int) -> dict[str, Tunnel]:
    return {TUNNEL: Tunnel(Vxlan(port=vxlan_port, local=underlay))}


def host_ends(ports: Mapping[str, Wired]) -> dict[str, HostEnd]:
    return {
        device: HostEnd(port.mtu, alias(port.id) if plug.kind == "netns" else None)
        for device, (port, plug) in ports.items()
    }


def programs(
    ports: Mapping[str, Wired], from_port: int, from_overlay: int, from_metadata: int
) -> dict[str, int]:
    """Device -> id of the program that has to guard it."""
    return dict.fromkeys(ports, from_port) | {TUNNEL: from_overlay, METADATA: from_metadata}


def gates(ports: Mapping[str, Wired], guarded: Mapping[str, int]) -> dict[str, bool]:
    """Device -> up. A device without its filter stays shut: its frames would reach the host."""
    wanted = {device: port.admin_up for device, (port, _) in ports.items()}
    wanted |= {TUNNEL: True, METADATA: True}
    return {device: up and device in guarded for device, up in wanted.items()}


def wires(ports: Mapping[str, Wired], subnet_of: SubnetOf) -> dict[str, Wire]:
    """Device -> the workload's end."""
    return {
        device: wire(port, plug, addresses(port, subnet_of))
        for device, (port, plug) in ports.items()
        if plug.kind == "netns"
    }


def wire(port: Port, plug: Plug, own: Sequence[Address]) -> Wire:
    return Wire(
        device=plug.device,
        mac=port.mac,
        mtu=port.mtu,
        addresses=frozenset(f"{x.address}/{x.prefix_length}" for x in own),
        routes=routes(own) | metadata_routes(port, own),
    )


def metadata_routes(port: Port, own: Sequence[Address]) -> frozenset[Route]:
    """The metadata service is on every link, whether or not the gateway is somebody."""
    known = port.instance and any(":" not in address.address for address in own)
    return frozenset({Route(f"{ADDRESSES[0]}/32", None)} if known else ())


def routes(addresses: Sequence[Address]) -> frozenset[Route]:
    """Host routes and default routes; of two for one destination the first address's counts.

    Routes to the subnets themselves come with the addresses. A gateway needs none by itself.
    """
    found: dict[str, str] = {}
    for address in addresses:
        for destination, via in address.routes:
            found.setdefault(destination, via)
        if address.gateway:
            found.setdefault("::/0" if ":" in address.gateway else "0.0.0.0/0", address.gateway)
    own = {address.address for address in addresses}
    return frozenset(Route(to, via) for to, via in found.items() if via not in own)
