"""The prefix of a new subnet: given, or cut from a subnet pool."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from polpo.api.network_v2 import prefixes, subnetpool
from polpo.api.network_v2.errors import NeutronError, bad_resource, conflict
from polpo.api.network_v2.resource import Writing
from polpo.model.network import Network, Subnet, SubnetPool

QUOTA_UNIT = {4: 32, 6: 64}
"""`default_quota` counts IPv4 addresses and IPv6 /64s."""


def prefix_for(w: Writing, network: Network, given: dict[str, Any]) -> tuple[str, str | None]:
    """The cidr, and the id of the pool that it is from or None."""
    if given["cidr"] and given["prefixlen"] is not None:
        raise bad_resource("subnets", "cidr and prefixlen must not be supplied together")
    pool = _pool(w, given)
    _check_affinity(w, network, given["ip_version"], pool)
    if pool is None:
        if given["cidr"] is None:
            raise bad_resource("subnets", "a subnetpool must be specified in the absence of a cidr")
        return str(given["cidr"]), None
    if pool.ip_version != given["ip_version"]:
        raise bad_resource(
            "subnets",
            f"Cannot allocate IPv{given['ip_version']} subnet from "
            f"IPv{pool.ip_version} subnet pool",
        )
    return _cut(w, pool, given), pool.id


def _pool(w: Writing, given: dict[str, Any]) -> SubnetPool | None:
    if given["use_default_subnetpool"]:
        if given["subnetpool_id"]:
            raise bad_resource(
                "subnets", "subnetpool_id and use_default_subnetpool cannot both be specified"
            )
        return _default(w, given["ip_version"])
    if given["subnetpool_id"] is None:
        return None
    pool: SubnetPool = subnetpool.RESOURCE.find(w.snapshot, w.context, given["subnetpool_id"])
    return pool


def _default(w: Writing, version: int) -> SubnetPool:
    holder = w.snapshot.holder("default-subnetpool", str(version))
    pool = w.snapshot.get(SubnetPool, holder) if holder else None
    if pool is None:
        raise bad_resource("subnets", f"No default subnetpool found for IPv{version}")
    return pool


def _cut(w: Writing, pool: SubnetPool, given: dict[str, Any]) -> str:
    length = given["prefixlen"]
    if given["cidr"]:
        length = ip_network(given["cidr"]).prefixlen
    length = pool.default_prefixlen if length is None else length
    _check_length(pool, length)
    _check_quota(w, pool, given["project_id"], length)
    taken = [s.cidr for s in w.snapshot.by(Subnet, "subnetpool", pool.id)]
    if given["cidr"]:
        return _specific(pool, taken, given["cidr"])
    found = prefixes.first_free(pool.prefixes, taken, length)
    if found is None:
        raise _no_room(f"Insufficient prefix space to allocate subnet size /{length}")
    return found


def _specific(pool: SubnetPool, taken: Iterable[str], cidr: str) -> str:
    if not prefixes.contained(pool.prefixes, cidr) or prefixes.overlapping(taken, [cidr]):
        raise _no_room("Cannot allocate requested subnet from the available set of prefixes")
    return cidr


def _no_room(reason: str) -> NeutronError:
    """Neutron forgets to map this one to a status, and answers 500: 409 is what it means."""
    return conflict("SubnetAllocationError", f"Failed to allocate subnet: {reason}.")


def _check_length(pool: SubnetPool, length: int) -> None:
    for wrong, which, bound in (
        (length > pool.max_prefixlen, "Max", pool.max_prefixlen),
        (length < pool.min_prefixlen, "Min", pool.min_prefixlen),
    ):
        if wrong:
            raise NeutronError(
                400,
                f"{which}PrefixSubnetAllocationError",
                f"Unable to allocate subnet with prefix length {length}, "
                f"{which.lower()}imum allowed prefix is {bound}.",
            )


def _check_quota(w: Writing, pool: SubnetPool, project_id: str, length: int) -> None:
    if not pool.default_quota:
        return
    unit = QUOTA_UNIT[pool.ip_version]
    own = (s for s in w.snapshot.by(Subnet, "subnetpool", pool.id) if s.project_id == project_id)
    lengths = [length, *(ip_network(s.cidr).prefixlen for s in own)]
    if sum(2.0 ** (unit - n) for n in lengths) > pool.default_quota:
        raise conflict("SubnetPoolQuotaExceeded", "Per-project subnet pool prefix quota exceeded.")


def _check_affinity(w: Writing, network: Network, version: int, pool: SubnetPool | None) -> None:
    """All subnets of one family on a network come from one pool, or one address scope."""
    for other in w.snapshot.by(Subnet, "network", network.id):
        if other.ip_version != version or other.subnetpool_id == (pool.id if pool else None):
            continue
        theirs = w.snapshot.get(SubnetPool, other.subnetpool_id or "")
        scope = theirs.address_scope_id if theirs else None
        if scope is None:
            raise NeutronError(
                400,
                "NetworkSubnetPoolAffinityError",
                "Subnets hosted on the same network must be allocated from the same subnet pool.",
            )
        if pool is None or pool.address_scope_id != scope:
            raise NeutronError(
                400,
                "NetworkAddressScopeAffinityError",
                "Subnets of the same address family hosted on the same network must all "
                "participate in the same address scope.",
            )
