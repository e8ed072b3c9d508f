"""A port's security groups and allowed address pairs, and whether it has any at all."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from polpo.api.network_v2 import default_group, sharing
from polpo.api.network_v2.errors import NeutronError, conflict, not_found
from polpo.api.network_v2.resource import Writing
from polpo.model.port import AddressPair, Port
from polpo.model.security_group import SecurityGroup

Pairs = Sequence[dict[str, str]]


def secured(w: Writing, port: Port, groups: Sequence[str] | None, pairs: Pairs) -> Port:
    """A new port with its groups: those named, or its project's default group."""
    if groups is None:
        groups = _default(w, port)
    elif groups and not port.port_security_enabled:
        raise _port_security_required()
    return msgspec.structs.replace(
        port,
        security_groups=_usable(w, port, groups),
        allowed_address_pairs=_allowed(w, port, pairs),
    )


def resecured(w: Writing, before: Port, after: Port, groups: Any, pairs: Any) -> Port:
    """After a PUT; UNSET for what it does not say."""
    if pairs is not msgspec.UNSET:
        after = msgspec.structs.replace(after, allowed_address_pairs=_allowed(w, after, pairs))
    if groups is not msgspec.UNSET:
        after = msgspec.structs.replace(after, security_groups=_usable(w, after, groups))
    if not after.port_security_enabled:
        _check_nothing_left(after)
    elif not before.port_security_enabled and groups is msgspec.UNSET:
        after = msgspec.structs.replace(after, security_groups=_default(w, after))
    return after


def _check_nothing_left(port: Port) -> None:
    if port.security_groups:
        raise conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or IP address until "
            "security group is removed.",
        )
    if port.allowed_address_pairs:
        raise _pairs_need_security()


def _default(w: Writing, port: Port) -> tuple[str, ...]:
    if not port.port_security_enabled or port.device_owner.startswith("network:"):
        return ()
    return (default_group.ensure(w, port.project_id).id,)


def _usable(w: Writing, port: Port, groups: Iterable[str]) -> tuple[str, ...]:
    """Groups of the port's project, or shared with it. Raises SecurityGroupNotFound."""
    found = {id: w.snapshot.get(SecurityGroup, id) for id in groups}
    missing = [id for id, group in found.items() if not _may_use(w, port, group)]
    if missing:
        raise not_found(
            "SecurityGroupNotFound", f"Security group {', '.join(missing)} does not exist"
        )
    if len({group.stateful for group in found.values() if group}) > 1:
        raise conflict(
            "SecurityGroupConflict",
            "Error Cannot apply both stateful and stateless security groups on the same port at "
            "the same time while attempting the operation.",
        )
    return tuple(sorted(found))


def _may_use(w: Writing, port: Port, group: SecurityGroup | None) -> bool:
    if group is None:
        return False
    return (
        w.context.is_admin
        or group.project_id == port.project_id
        or sharing.granted(w.snapshot, group.id, sharing.SHARED, port.project_id)
    )


def _allowed(w: Writing, port: Port, pairs: Pairs) -> tuple[AddressPair, ...]:
    if not pairs:
        return ()
    if not port.port_security_enabled:
        raise _pairs_need_security()
    if len(pairs) > w.settings.max_address_pairs:
        raise NeutronError(
            400,
            "AllowedAddressPairExhausted",
            f"The number of allowed address pair exceeds the maximum "
            f"{w.settings.max_address_pairs}.",
        )
    allowed = tuple(AddressPair(p["ip_address"], p.get("mac_address")) for p in pairs)
    _check_distinct(port, allowed)
    return allowed


def _check_distinct(port: Port, pairs: Iterable[AddressPair]) -> None:
    seen = set()
    for pair in pairs:
        effective = (pair.ip_address, pair.mac_address or port.mac_address)
        if effective in seen:
            raise NeutronError(
                400,
                "DuplicateAddressPairInRequest",
                "Invalid input for operation: Request contains duplicate address pair: "
                f"mac_address {effective[1]} ip_address {effective[0]}.",
            )
        seen.add(effective)


def _pairs_need_security() -> NeutronError:
    return conflict(
        "AddressPairAndPortSecurityRequired",
        "Port Security must be enabled in order to have allowed address pairs on a port.",
    )


def _port_security_required() -> NeutronError:
    return NeutronError(
        400,
        "PortSecurityAndIPRequiredForSecurityGroups",
        "Port security must be enabled and port must have an IP address in order to use security "
        "groups.",
    )
