"""What kind of load balancer a new one is: provider, flavor, availability zone."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import (
    ACTIVE_STANDBY,
    LEAST_MEMORY_MIB,
    PROXIED,
    SINGLE,
    SWITCHED,
)
from polpo.model.load_balancer_kind import Flavor, FlavorProfile, Offer, Profile, Zone, ZoneProfile

ALIAS = "octavia"
PROVIDERS = {
    PROXIED: "HAProxy in a pair of instances on two hosts.",
    ALIAS: "The same as 'amphora', by another name.",
    SWITCHED: "TCP and UDP by the switch of each client's own host, which keeps its address.",
}
TOPOLOGY, MEMORY, COMPUTE_ZONE = "loadbalancer_topology", "memory_mib", "compute_zone"
ACCESS_LOG = "access_log"
TRUE, FALSE = "true", "false"
CAPABILITIES: Mapping[type[Profile], Mapping[str, str]] = {
    FlavorProfile: {
        TOPOLOGY: "The load balancer topology. One of: SINGLE - One instance per load balancer. "
        "ACTIVE_STANDBY - Two instances per load balancer.",
        MEMORY: "The memory that each instance may have, in MiB.",
        ACCESS_LOG: "Whether requests and connections are written down on the hosts: true, false.",
    },
    ZoneProfile: {COMPUTE_ZONE: "The availability zone of the hosts that instances are on."},
}
"""What a profile may say: all providers have instances."""

O = TypeVar("O", bound=Offer)  # noqa: E741


def check_provider(name: str) -> str:
    """The provider by its own name."""
    if name not in PROVIDERS:
        text = f"Provider '{name}' is not enabled. Enabled are: {', '.join(PROVIDERS)}."
        raise NeutronError(400, "ProviderNotEnabled", text)
    return PROXIED if name == ALIAS else name


def settings(kind: type[Profile], provider: str, data: str) -> dict[str, str]:
    """What a profile says. Raises if the provider has no such setting."""
    try:
        said = msgspec.json.decode(data, type=dict[str, str | int | bool])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise invalid(f"'{data}' is not a JSON object of texts, numbers and truths.") from error
    read = {key: _text(value) for key, value in said.items()}
    check_provider(provider)
    known = CAPABILITIES[kind]
    for key in read:
        if key not in known:
            raise invalid(f"Provider '{provider}' does not know {key}.")
    if read.get(TOPOLOGY, SINGLE) not in (SINGLE, ACTIVE_STANDBY):
        raise invalid(f"{read[TOPOLOGY]} is not one of {SINGLE}, {ACTIVE_STANDBY}.")
    if not _is_memory(read.get(MEMORY, str(LEAST_MEMORY_MIB))):
        raise invalid(f"{read[MEMORY]} is not a number of MiB, {LEAST_MEMORY_MIB} or more.")
    if read.get(ACCESS_LOG, TRUE) not in (TRUE, FALSE):
        raise invalid(f"{read[ACCESS_LOG]} is not one of {TRUE}, {FALSE}.")
    return read


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_memory(text: str) -> bool:
    digits = text.isascii() and text.isdecimal() and len(text) <= 7
    return digits and int(text) >= LEAST_MEMORY_MIB


def chosen(w: Writing, given: dict[str, Any]) -> dict[str, Any]:
    """The fields that follow from what a POST names."""
    said: dict[str, str] = {}
    zoned: dict[str, str] = {}
    provider, zone_name = given["provider"], given["availability_zone"]
    if given["flavor_id"]:
        flavor = _enabled(w.snapshot.get(Flavor, given["flavor_id"]), "Flavor", given["flavor_id"])
        provider, said = _said(w, FlavorProfile, flavor, provider)
    if zone_name:
        id = w.snapshot.holder(Zone.kind, zone_name) or ""
        zone = _enabled(w.snapshot.get(Zone, id), "Availability Zone", zone_name)
        provider, zoned = _said(w, ZoneProfile, zone, provider)
    return {
        "provider": check_provider(provider or PROXIED),
        "topology": said.get(TOPOLOGY, ACTIVE_STANDBY),
        "memory_mib": int(said.get(MEMORY, 0)),
        "access_log": said.get(ACCESS_LOG) == TRUE,
        "compute_zone": zoned.get(COMPUTE_ZONE, ""),
    }


def _enabled(offer: O | None, what: str, name: str) -> O:
    if offer is None:
        raise NeutronError(400, "InvalidSubresource", f"{what} {name} not found.")
    if not offer.enabled:
        raise NeutronError(
            400, "DisabledOption", f"The selected {what} is not allowed in this deployment: {name}"
        )
    return offer


def _said(
    w: Writing, kind: type[Profile], offer: Offer, provider: str
) -> tuple[str, dict[str, str]]:
    """The profile's provider, which must be the one that is asked for if any is; its settings."""
    profile = w.snapshot.get(kind, offer.profile_id)
    assert profile is not None
    own = check_provider(profile.provider_name)
    if provider and check_provider(provider) != own:
        raise NeutronError(
            400,
            "ProviderFlavorMismatchError",
            f"{offer.name} is not compatible with provider '{provider}'",
        )
    return own, settings(kind, own, profile.data)
