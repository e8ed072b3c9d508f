"""Errors as Neutron's clients know them: a type, a sentence, a status.

The types and sentences are those of neutron-lib `exceptions` and of the extensions; clients match
on them. A function makes the ones that are raised in several places; the rest are made where they
are raised.
"""

import msgspec

from polpo.store.errors import Missing, StoreError, Taken, Unavailable, Unfit


class NeutronError(Exception):
    """Answers a request: `{"NeutronError": {"type", "message", "detail"}}` with `status`."""

    def __init__(self, status: int, type: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status, self.type, self.message, self.detail = status, type, message, detail

    def body(self) -> bytes:
        error = {"type": self.type, "message": self.message, "detail": self.detail}
        return msgspec.json.encode({"NeutronError": error})


def bad_request(message: str) -> NeutronError:
    """What the API layer itself refuses, before any resource looks at it."""
    return NeutronError(400, "HTTPBadRequest", message)


def invalid(message: str) -> NeutronError:
    """Well formed, but not possible."""
    return NeutronError(400, "InvalidInput", f"Invalid input for operation: {message}.")


def bad_resource(resource: str, message: str) -> NeutronError:
    return NeutronError(400, "BadRequest", f"Bad {resource} request: {message}.")


def no_such_path() -> NeutronError:
    return NeutronError(404, "HTTPNotFound", "The resource could not be found.")


def forbidden(*rules: str) -> NeutronError:
    """`rules` as Neutron's policy names them: `create_network:shared`."""
    names = " and ".join(f"rule:{rule}" for rule in rules)
    text = f"({names})" if len(rules) > 1 else names
    return NeutronError(403, "PolicyNotAuthorized", f"{text} is disallowed by policy")


def no_project() -> NeutronError:
    return NeutronError(403, "PolicyNotAuthorized", "The token is not of a project: ask for one.")


def conflict(type: str, message: str) -> NeutronError:
    return NeutronError(409, type, message)


def not_found(type: str, message: str) -> NeutronError:
    return NeutronError(404, type, message)


def from_store(error: StoreError) -> NeutronError:
    """What the store refuses, in Neutron's words."""
    if isinstance(error, Unavailable):
        return NeutronError(503, "ServiceUnavailable", "The service is unavailable.", str(error))
    if isinstance(error, Missing):
        return not_found("ObjectNotFound", f"Object {error.id} not found.")
    if isinstance(error, Taken):
        return _taken(error)
    if isinstance(error, Unfit):
        return NeutronError(400, "BadRequest", f"Bad request: {error}.")
    return NeutronError(500, "HTTPInternalServerError", "Request Failed: internal server error.")


def _taken(error: Taken) -> NeutronError:
    scope, _, where = error.scope.partition("/")
    if scope not in _TAKEN:
        return conflict("Conflict", f"{error.key} is in use.")
    type, message = _TAKEN[scope]
    return conflict(type, message.format(where=where, key=error.key, holder=error.holder))


_TAKEN = {
    "mac": (
        "MacAddressInUse",
        "Unable to complete operation for network {where}. The mac address {key} is in use.",
    ),
    "address": (
        "IpAddressAlreadyAllocated",
        "IP address {key} already allocated in subnet {where}",
    ),
    "vni": ("TunnelIdInUse", "Unable to create the network. The tunnel ID {key} is in use."),
    "segment": (
        "VlanIdInUse",
        "Unable to create the network. The VLAN on physical network {key} is in use.",
    ),
    "rule": (
        "SecurityGroupRuleExists",
        "Security group rule already exists. Rule id is {holder}.",
    ),
    "rbac": ("DuplicateRbacPolicy", "An RBAC policy already exists with those values."),
    "floating": (
        "FloatingIPPortAlreadyAssociated",
        "Cannot associate floating IP with port and fixed IP {key}, as that fixed IP already has a "
        "floating IP on external network {where}.",
    ),
    "default-qos-policy": (
        "QoSPolicyDefaultAlreadyExists",
        "A default QoS policy exists for project {key}.",
    ),
    "default-network": (
        "DefaultExternalNetworkExists",
        "A default external network already exists: {holder}.",
    ),
}
"""By what the claim's scope begins with (the model's `claims`)."""
