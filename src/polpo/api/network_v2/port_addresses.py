"""Which addresses a port has: asked for, chosen, or following from its MAC.

As Neutron's `ipam_pluggable_backend`: without `fixed_ips` a port gets one IPv4 address, one
stateful IPv6 address and one of every subnet with automatic addresses, of those there are.
"""

from collections.abc import Iterable, Sequence
from random import randrange
from typing import Any

import msgspec

from polpo.api.network_v2.addresses import eui64, free_address, is_automatic, usable
from polpo.api.network_v2.errors import NeutronError, conflict, invalid
from polpo.api.network_v2.port_wiring import put
from polpo.api.network_v2.resource import Writing
from polpo.model.network import Subnet
from polpo.model.port import FixedIP, Port, address_scope
from polpo.model.router import CENTRALIZED_SNAT, INTERFACES
from polpo.store.errors import Taken

Wish = dict[str, str]
"""One item of `fixed_ips` in a request: `subnet_id`, `ip_address`, or both."""


def choose(w: Writing, port: Port, wishes: Sequence[Wish] | None) -> tuple[FixedIP, ...]:
    """The addresses of a new port; `wishes` None for those that it gets without asking."""
    subnets = _candidates(w, port)
    if wishes is None:
        return (*_one_of_each_family(w, port, subnets), *_automatic(port, subnets))
    chosen = _wanted(w, port, subnets, wishes)
    if not wishes:
        return ()
    served = {fixed.subnet_id for fixed in chosen}
    return (*chosen, *_automatic(port, [s for s in subnets if s.id not in served]))


def change(w: Writing, port: Port, wishes: Sequence[Wish]) -> tuple[FixedIP, ...]:
    """The addresses after a PUT: what is wished for, keeping what already answers a wish."""
    subnets = _candidates(w, port)
    now = list(port.fixed_ips)
    kept: list[FixedIP] = []
    missing: list[Wish] = []
    for wish in sorted(wishes, key=lambda wish: "ip_address" not in wish):
        held = next((fixed for fixed in now if _answers(fixed, wish)), None)
        if held is None:
            missing.append(wish)
        else:
            now.remove(held)
            kept.append(held)
    chosen = [*kept, *_wanted(w, port, subnets, missing)]
    served = {fixed.subnet_id for fixed in chosen}
    if not wishes and not any(is_automatic(s) for s in subnets):
        return ()
    return (*chosen, *_automatic(port, [s for s in subnets if s.id not in served]))


def add_automatic(w: Writing, subnet: Subnet) -> None:
    """Give the ports of the network their address of a new subnet that they need not ask for."""
    for port in list(w.snapshot.by(Port, "network", subnet.network_id)):
        if not _is_interface(port):
            address = FixedIP(subnet.id, eui64(subnet.cidr, port.mac_address))
            put(w, port, msgspec.structs.replace(port, fixed_ips=(*port.fixed_ips, address)))


def take_away(w: Writing, subnet: Subnet, ports: Iterable[Port]) -> None:
    """The ports' addresses of a subnet that is going."""
    for port in ports:
        left = tuple(fixed for fixed in port.fixed_ips if fixed.subnet_id != subnet.id)
        put(w, port, msgspec.structs.replace(port, fixed_ips=left))


def moved(w: Writing, port: Port, mac: str) -> tuple[FixedIP, ...]:
    """The addresses after a change of MAC: those that follow from it follow it."""
    return tuple(_follow(w, fixed, mac) for fixed in port.fixed_ips)


def _follow(w: Writing, fixed: FixedIP, mac: str) -> FixedIP:
    subnet = w.snapshot.get(Subnet, fixed.subnet_id)
    if subnet is None or not is_automatic(subnet):
        return fixed
    return FixedIP(subnet.id, eui64(subnet.cidr, mac))


def _answers(fixed: FixedIP, wish: Wish) -> bool:
    return fixed.subnet_id == wish.get("subnet_id", fixed.subnet_id) and (
        fixed.ip_address == wish.get("ip_address", fixed.ip_address)
    )


def _candidates(w: Writing, port: Port) -> list[Subnet]:
    """The network's subnets that serve such a device; those made for it first."""
    every = list(w.snapshot.by(Subnet, "network", port.network_id))
    serving = [s for s in every if not s.service_types or port.device_owner in s.service_types]
    if every and not serving:
        raise conflict(
            "IpAddressGenerationFailureNoMatchingSubnet",
            f"No valid service subnet for the given device owner, network {port.network_id}, "
            f"service type {port.device_owner}.",
        )
    return sorted(serving, key=lambda s: (not s.service_types, s.created_at, s.id))


def _one_of_each_family(w: Writing, port: Port, subnets: Sequence[Subnet]) -> Iterable[FixedIP]:
    for version in (4, 6):
        family = [s for s in subnets if s.ip_version == version and not is_automatic(s)]
        if family:
            yield _any(w, port, family, ())


def _is_interface(port: Port) -> bool:
    """A router's address in a subnet is never one that follows from its MAC."""
    return port.device_owner in INTERFACES or port.device_owner == CENTRALIZED_SNAT


def _automatic(port: Port, subnets: Iterable[Subnet]) -> Iterable[FixedIP]:
    if _is_interface(port):
        return
    for subnet in subnets:
        if is_automatic(subnet):
            yield FixedIP(subnet.id, eui64(subnet.cidr, port.mac_address))


def _wanted(
    w: Writing, port: Port, subnets: Sequence[Subnet], wishes: Iterable[Wish]
) -> list[FixedIP]:
    chosen: list[FixedIP] = []
    for wish in sorted(wishes, key=lambda wish: "ip_address" not in wish):
        subnet = _subnet_for(w, port, subnets, wish)
        automatic = is_automatic(subnet) and not _is_interface(port)
        if "ip_address" in wish:
            if automatic and wish["ip_address"] != eui64(subnet.cidr, port.mac_address):
                raise NeutronError(
                    400,
                    "AllocationOnAutoAddressSubnet",
                    f"IPv6 address {wish['ip_address']} cannot be directly assigned to a port on "
                    f"subnet {subnet.id} as the subnet is configured for automatic addresses",
                )
            chosen.append(_this(w, port, subnet, wish["ip_address"]))
        elif not automatic:
            chosen.append(_any(w, port, [subnet], chosen))
    return chosen


def _subnet_for(w: Writing, port: Port, subnets: Sequence[Subnet], wish: Wish) -> Subnet:
    if not subnets:
        raise invalid("IP allocation requires subnets for network")
    address = wish.get("ip_address")
    if "subnet_id" in wish:
        return _named(w, port, subnets, wish["subnet_id"], address)
    if address is None:
        raise invalid("IP allocation requires subnet_id or ip_address")
    for subnet in subnets:
        if usable(subnet.cidr, address):
            return subnet
    raise NeutronError(
        400,
        "InvalidIpForNetwork",
        f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
    )


def _named(
    w: Writing, port: Port, subnets: Sequence[Subnet], id: str, address: str | None
) -> Subnet:
    subnet = next((s for s in subnets if s.id == id), None)
    if subnet is None:
        if w.snapshot.get(Subnet, id) is None:
            raise NeutronError(404, "SubnetNotFound", f"Subnet {id} could not be found.")
        raise invalid(
            f"Failed to create port on network {port.network_id}, because fixed_ips included "
            f"invalid subnet {id}"
        )
    if address is not None and not usable(subnet.cidr, address):
        raise NeutronError(
            400,
            "InvalidIpForSubnet",
            f"IP address {address} is not a valid IP for the specified subnet.",
        )
    return subnet


def _this(w: Writing, port: Port, subnet: Subnet, address: str) -> FixedIP:
    holder = w.snapshot.holder(address_scope(subnet.id), address)
    if holder is not None and holder != port.id:
        raise Taken(address_scope(subnet.id), address, holder)
    return FixedIP(subnet.id, address)


def _any(w: Writing, port: Port, subnets: Iterable[Subnet], besides: Iterable[FixedIP]) -> FixedIP:
    """A free address of the first subnet that has one; not one just chosen for the same port."""
    for subnet in subnets:
        held: Any = w.snapshot.claimed(address_scope(subnet.id))
        chosen = {fixed.ip_address: port.id for fixed in besides if fixed.subnet_id == subnet.id}
        if chosen:
            held = held.update(chosen)
        address = free_address(subnet.allocation_pools, held, randrange)
        if address is not None:
            return FixedIP(subnet.id, address)
    raise conflict(
        "IpAddressGenerationFailure",
        f"No more IP addresses available on network {port.network_id}.",
    )
