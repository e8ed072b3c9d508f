"""MACs for ports that do not ask for one."""

from random import randrange

from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.resource import Writing


def free_mac(w: Writing, network_id: str) -> str:
    """A MAC that no port of the network has."""
    taken = w.snapshot.claimed(f"mac/{network_id}")
    for _ in range(256):
        low = f"{randrange(1 << 24):06x}"
        mac = f"{w.settings.base_mac}:{low[:2]}:{low[2:4]}:{low[4:]}"
        if mac not in taken:
            return mac
    raise NeutronError(
        503, "MacAddressGenerationFailure", f"Unable to generate unique mac on network {network_id}"
    )
