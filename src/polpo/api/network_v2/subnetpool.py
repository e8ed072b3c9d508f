"""Subnet pools (Neutron API reference, "Subnet pools")."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import address_scope, prefixes, quotas, sharing, values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown, table
from polpo.api.network_v2.errors import NeutronError, bad_request, conflict, invalid
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, standard
from polpo.api.network_v2.values import boolean, integer, list_of, name, not_blank, nullable
from polpo.model.network import AddressScope, Subnet, SubnetPool
from polpo.model.snapshot import Snapshot

LONGEST = {4: 32, 6: 128}
LEAST = {4: 8, 6: 64}
PREFIXES = list_of(values.prefix())


def _length(field: str) -> Attribute:
    return Attribute(kind=integer(0, 128), field=field)


TABLE = table(
    "subnetpool",
    {
        "name": Attribute(kind=not_blank(name()), default=REQUIRED, field="name"),
        "prefixes": Attribute(kind=PREFIXES, default=REQUIRED, filter=False, sort=False),
        "default_prefixlen": _length("default_prefixlen"),
        "min_prefixlen": _length("min_prefixlen"),
        "max_prefixlen": _length("max_prefixlen"),
        "default_quota": Attribute(kind=nullable(integer(0)), default=None, field="default_quota"),
        "address_scope_id": Attribute(
            kind=nullable(values.uuid()), default=None, field="address_scope_id"
        ),
        "ip_version": shown(integer(4, 6), field="ip_version"),
        "is_default": Attribute(kind=boolean(), default=False, admin=True, field="is_default"),
        "shared": Attribute(kind=boolean(), put=False, default=False, admin=True, sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> SubnetPool:
    quotas.check(w, "subnetpool", given["project_id"])
    shared = given.pop("shared")
    given["prefixes"], version = _compact(given["prefixes"])
    given.setdefault("min_prefixlen", LEAST[version])
    given.setdefault("max_prefixlen", LONGEST[version])
    given.setdefault("default_prefixlen", given["min_prefixlen"])
    pool = SubnetPool(id=new_id(), ip_version=version, **given)
    _check(w, pool)
    pool = w.tx.put(pool)
    sharing.set_for_everybody(w, "subnetpool", pool, shared)
    return pool


def update(w: Writing, pool: SubnetPool, given: dict[str, Any]) -> SubnetPool:
    if "prefixes" in given:
        given["prefixes"], version = _compact(given["prefixes"])
        if version != pool.ip_version:
            raise _mixed()
        if not all(prefixes.contained(given["prefixes"], p) for p in pool.prefixes):
            raise _prefix_update("Existing prefixes must be a subset of the new prefixes")
    after = msgspec.structs.replace(pool, **given)
    _check(w, after)
    return w.tx.put(after)


def delete(w: Writing, pool: SubnetPool) -> None:
    if w.snapshot.count_by(Subnet, "subnetpool", pool.id):
        raise NeutronError(
            400,
            "SubnetPoolDeleteError",
            "Unable to delete subnet pool: Subnet pool has existing allocations.",
        )
    sharing.remove_policies(w, pool.id)
    w.tx.remove(pool)


def read_prefixes(body: Any) -> tuple[str, ...]:
    """The body of `add_prefixes` and `remove_prefixes`."""
    if not isinstance(body, dict) or "prefixes" not in body:
        raise bad_request("Invalid input for prefixes. Reason: 'prefixes' is required.")
    try:
        read: tuple[str, ...] = PREFIXES.read(body["prefixes"])
    except ValueError as error:
        raise bad_request(f"Invalid input for prefixes. Reason: {error}.") from error
    return read


def add_prefixes(w: Writing, pool: SubnetPool, more: Sequence[str]) -> SubnetPool:
    return update(w, pool, {"prefixes": (*pool.prefixes, *more)}) if more else pool


def remove_prefixes(w: Writing, pool: SubnetPool, fewer: Sequence[str]) -> SubnetPool:
    if not prefixes.overlapping(pool.prefixes, fewer):
        return pool
    used = [s.cidr for s in w.snapshot.by(Subnet, "subnetpool", pool.id)]
    if prefixes.overlapping(used, fewer):
        raise _prefix_update("One or more the prefixes to be removed is in use by a subnet.")
    left = prefixes.without(pool.prefixes, fewer)
    return w.tx.put(msgspec.structs.replace(pool, prefixes=left))


def _compact(given: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The prefixes as few as can be, and their IP version."""
    versions = {ip_network(prefix).version for prefix in given}
    if not versions:
        raise NeutronError(400, "EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.")
    if len(versions) > 1:
        raise _mixed()
    return prefixes.compact(given), versions.pop()


def _mixed() -> NeutronError:
    return NeutronError(
        400, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."
    )


def _prefix_update(message: str) -> NeutronError:
    return NeutronError(
        400, "IllegalSubnetPoolPrefixUpdate", f"Illegal update to prefixes: {message}."
    )


def _check(w: Writing, pool: SubnetPool) -> None:
    _check_bound("min", pool.min_prefixlen, "max_prefixlen", pool.max_prefixlen)
    _check_bound("max", pool.max_prefixlen, "ip_version_max", LONGEST[pool.ip_version])
    _check_bound("default", pool.default_prefixlen, "max_prefixlen", pool.max_prefixlen)
    if pool.default_prefixlen < pool.min_prefixlen:
        raise _bounds("default", pool.default_prefixlen, "min_prefixlen", pool.min_prefixlen)
    if pool.is_default:
        _check_only_default(w, pool)
    if pool.address_scope_id is not None:
        _check_scope(w, pool, pool.address_scope_id)


def _check_bound(which: str, length: int, base: str, bound: int) -> None:
    if length > bound:
        raise _bounds(which, length, base, bound)


def _bounds(which: str, length: int, base: str, bound: int) -> NeutronError:
    return NeutronError(
        400,
        "IllegalSubnetPoolPrefixBounds",
        f"Illegal prefix bounds: {which}_prefixlen={length}, {base}={bound}.",
    )


def _check_only_default(w: Writing, pool: SubnetPool) -> None:
    holder = w.snapshot.holder("default-subnetpool", str(pool.ip_version))
    if holder not in (None, pool.id):
        raise invalid(
            "A default subnetpool for this IP family has already been set. "
            "Only one default may exist per IP family"
        )


def _check_scope(w: Writing, pool: SubnetPool, scope_id: str) -> None:
    scope: AddressScope = address_scope.RESOURCE.find(w.snapshot, w.context, scope_id)
    if not address_scope.may_fill(w, scope):
        raise NeutronError(
            400,
            "IllegalSubnetPoolAssociationToAddressScope",
            f"Illegal subnetpool association: subnetpool {pool.id} cannot be associated with "
            f"address scope {scope_id}.",
        )
    if scope.ip_version != pool.ip_version:
        raise NeutronError(
            400,
            "IllegalSubnetPoolIpVersionAssociationToAddressScope",
            f"Illegal subnetpool association: subnetpool {pool.id} cannot associate with address "
            f"scope {scope_id} because subnetpool ip_version is not {scope.ip_version}.",
        )
    for other in w.snapshot.by(SubnetPool, "address_scope", scope_id):
        if other.id != pool.id and prefixes.overlapping(other.prefixes, pool.prefixes):
            raise conflict(
                "AddressScopePrefixConflict",
                "Failed to associate address scope: subnetpools within an address scope must have "
                "unique prefixes.",
            )


def view(r: Reading, pools: Sequence[SubnetPool]) -> list[View]:
    return [_view(r, pool) for pool in pools]


def _view(r: Reading, pool: SubnetPool) -> View:
    return {
        **standard(pool),
        "prefixes": pool.prefixes,
        "ip_version": pool.ip_version,
        "default_prefixlen": pool.default_prefixlen,
        "min_prefixlen": pool.min_prefixlen,
        "max_prefixlen": pool.max_prefixlen,
        "default_quota": pool.default_quota,
        "address_scope_id": pool.address_scope_id,
        "is_default": pool.is_default,
        "shared": sharing.is_shared(r.snapshot, r.context, pool),
    }


def visible(snapshot: Snapshot, context: Context, pool: SubnetPool) -> bool:
    return sharing.is_shared(snapshot, context, pool)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "subnetpool", sharing.SHARED)


RESOURCE = Resource(
    member="subnetpool",
    collection="subnetpools",
    path="subnetpools",
    model=SubnetPool,
    table=TABLE,
    missing=("SubnetPoolNotFound", "Subnet pool {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    indexes={"name": "name", "project_id": "project", "address_scope_id": "address_scope"},
)
