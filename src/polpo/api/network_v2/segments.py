"""Numbers of networks on the wire: chosen at random, kept unique by the store's claims."""

from random import randrange
from typing import Any

from polpo.api.network_v2.errors import NeutronError, invalid
from polpo.api.network_v2.resource import Writing

TRIES = 4096

PROVIDER = "provider:network_type", "provider:physical_network", "provider:segmentation_id"


def free_vni(w: Writing) -> int:
    """A number that no network has. Raises Neutron's NoNetworkAvailable."""
    taken = w.snapshot.claimed("vni")
    first, last = w.settings.vni_first, w.settings.vni_last
    for _ in range(TRIES):
        vni = randrange(first, last + 1)
        if str(vni) not in taken:
            return vni
    for vni in range(first, last + 1):
        if str(vni) not in taken:
            return vni
    raise NeutronError(
        503,
        "NoNetworkAvailable",
        "Unable to create the network. No project network is available for allocation.",
    )


def read_provider(w: Writing, values: dict[str, Any]) -> dict[str, Any]:
    """The network's fields from its `provider:` attributes (which this takes out of values).

    Networks of projects are VXLAN. An external network may also be a flat or a VLAN network of
    the datacentre, for gateways to stand in (docs/decisions/0030).
    """
    kind, physical, number = (values.pop(key, None) for key in PROVIDER)
    if kind in (None, "vxlan"):
        return _overlay(w, physical, number)
    if not values.get("external"):
        raise invalid(f"network_type value '{kind}' not supported for internal networks")
    if not physical:
        raise invalid(f"physical_network required for {kind} provider network")
    if (number is None) != (kind == "flat"):
        required = "required for VLAN" if kind == "vlan" else "prohibited for flat"
        raise invalid(f"segmentation_id {required} provider network")
    if kind == "vlan" and not 1 <= number <= 4094:
        raise invalid("segmentation_id out of range (1 through 4094)")
    where = {"physical_network": physical, "vlan_id": number}
    return {"network_type": kind, "vni": free_vni(w), **where}


def _overlay(w: Writing, physical: str | None, number: int | None) -> dict[str, Any]:
    if physical:
        raise invalid("provider:physical_network specified for vxlan network")
    if number is not None and not 1 <= number < 1 << 24:
        raise invalid("segmentation_id out of range (1 through 16777215)")
    return {"vni": number if number is not None else free_vni(w)}
