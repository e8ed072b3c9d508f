"""What kind of load balancer a new one is: its provider."""

from typing import Any

from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import PROXIED

SWITCH = "switch"
PROVIDERS = {
    PROXIED: "HAProxy in a pair of instances on two hosts.",
    "octavia": "The same as 'amphora', by another name.",
    SWITCH: "In every host's switch, without instances: TCP and UDP.",
}


def chosen(w: Writing, given: dict[str, Any]) -> dict[str, Any]:
    """The fields that follow from what a POST names."""
    provider = given["provider"]
    if provider not in PROVIDERS:
        raise NeutronError(400, "ProviderNotEnabledError", f"Provider '{provider}' is not enabled.")
    return {"provider": PROXIED if provider == "octavia" else provider}
