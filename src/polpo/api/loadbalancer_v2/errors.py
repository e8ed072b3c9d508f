"""Errors as Octavia's clients know them: `faultcode`, `faultstring`, and a status.

They are raised as network_v2's are, whose machinery reads requests here, too; `body` makes an
Octavia error of each.
"""

import msgspec

from polpo.api.network_v2.errors import NeutronError
from polpo.store.errors import Taken

NOT_ALLOWED = "Policy does not allow this request to be performed."


def body(error: NeutronError) -> bytes:
    text = NOT_ALLOWED if error.status == 403 and error.type != "Quota" else error.message
    code = "Client" if error.status < 500 else "Server"
    return msgspec.json.encode({"faultcode": code, "faultstring": text, "debuginfo": None})


def invalid(detail: str) -> NeutronError:
    return NeutronError(400, "ValidationException", f"Validation failure: {detail}")


def absent(what: str, id: str) -> NeutronError:
    """Something that a body refers to and that is not there for the asker."""
    return NeutronError(404, "NotFound", f"{what} {id} not found.")


def immutable(text: str) -> NeutronError:
    return NeutronError(409, "Immutable", text)


def over_quota(what: str) -> NeutronError:
    return NeutronError(403, "Quota", f"Quota has been met for resources: {what}")


def unsupported(provider: str, what: str) -> NeutronError:
    text = f"Provider '{provider}' does not support a requested action: {what}"
    return NeutronError(501, "ProviderUnsupportedOptionError", text)


def taken(error: Taken) -> NeutronError | None:
    """What is refused because another has it, in Octavia's words; None for what is not ours."""
    scope, _, where = error.scope.partition("/")
    if scope not in _TAKEN:
        return None
    return NeutronError(409, "Duplicate", _TAKEN[scope].format(where=where, key=error.key))


_TAKEN = {
    "listener": "Another Listener on this Load Balancer is already using {key}",
    "member": "Another member on this pool is already using ip and protocol_port {key}",
    "health_monitor": "This pool already has a health monitor",
    "load_balancer_flavor": "A flavor of name {key} already exists.",
    "load_balancer_zone": "An availability zone of name {key} already exists.",
    "vip": "The VIP port {key} is used by another load balancer",
}
"""By what the claim's scope begins with (model/load_balancer.py)."""
