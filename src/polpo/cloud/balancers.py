"""A Service's load balancer in the cloud: looked for, made, changed, removed. Idempotent, by
what is there: whoever is killed in the middle is followed by one who finds it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from polpo.cloud import floating, naming, tree
from polpo.cloud.annotations import LOAD_BALANCER_ID, SUBNET_ID, Unusable
from polpo.cloud.openstack import Body, OpenStack
from polpo.cloud.wanted import Wanted

ACTIVE, ERROR = "ACTIVE", "ERROR"


class Ensured(msgspec.Struct, frozen=True):
    """`addresses`: by which it is asked, one of each family. `status` is Octavia's
    provisioning_status. `owned`: it goes with the Service. `made`: just now."""

    id: str
    addresses: tuple[str, ...]
    status: str
    owned: bool
    made: bool = False


def ensure(cloud: OpenStack, wanted: Wanted, most_shared: int) -> Ensured:
    """Raises Unusable and ApiError."""
    found, owns = _find(cloud, wanted)
    if found is None:
        made = _make(cloud, wanted)
        return _ensured(cloud, made, wanted, owns=True, made=True)
    if not owns:
        _check_sharing(found, wanted, most_shared)
    lacking = [tag for tag in _tags(wanted, owns=owns) if tag not in found["tags"]]
    if lacking:
        tags = {"tags": [*found["tags"], *lacking]}
        cloud.change("loadbalancer", found["id"], tags, found["id"])
    tree.Tree(cloud, found["id"], wanted.name, owns=owns).ensure(wanted.listeners)
    return _ensured(cloud, found, wanted, owns=owns, made=False)


def status_of(cloud: OpenStack, id: str) -> str:
    """Empty if it is not there any more."""
    found = cloud.shown("loadbalancer", id)
    return str(found["provisioning_status"]) if found is not None else ""


def remove(cloud: OpenStack, name: str, uid: str, description: str, id: str, *, keep: bool) -> None:
    """`id`: of the annotation, if it is there; `keep`: the floating IP stays."""
    found = {one["id"]: one for one in _tagged(cloud, uid)}
    for one in cloud.listed("loadbalancer", name=name):
        if naming.service_of(one["tags"]) in ("", uid):
            found[one["id"]] = one
    other = cloud.shown("loadbalancer", id) if id and id not in found else None
    if other is not None and name in other["tags"]:
        found[other["id"]] = other
    for one in found.values():
        _remove_one(cloud, one, name, uid, description, keep=keep)
    if not keep:
        floating.remove(cloud, None, description)


def remove_orphans(cloud: OpenStack, cluster_uid: str, living: set[str]) -> list[str]:
    """Load balancers of this cluster's Services that are no more: their names."""
    gone = []
    for one in cloud.listed("loadbalancer", tags=naming.CLUSTER_TAG + cluster_uid):
        uid = naming.service_of(one["tags"])
        if uid and uid not in living and not _others(one, one["name"]):
            _delete(cloud, one, "", keep=False)
            gone.append(str(one["name"]))
    return gone


def _find(cloud: OpenStack, wanted: Wanted) -> tuple[Body | None, bool]:
    """And whether it is the Service's own. Of several of its own one is kept."""
    if wanted.shared_id:
        found = cloud.shown("loadbalancer", wanted.shared_id)
        if found is None:
            said = f"annotation {LOAD_BALANCER_ID} is {wanted.shared_id!r}"
            raise Unusable(f"{said}, and there is no such load balancer")
        return found, found["name"] == wanted.name
    mine = sorted(_tagged(cloud, wanted.uid), key=lambda one: (one["created_at"], one["id"]))
    for other in mine[1:]:
        _delete(cloud, other, "", keep=wanted.keeps_floating)
    if mine:
        return mine[0], True
    named = cloud.listed("loadbalancer", name=wanted.name)
    return next((one for one in named if not naming.service_of(one["tags"])), None), True


def _tagged(cloud: OpenStack, uid: str) -> list[Body]:
    return cloud.listed("loadbalancer", tags=naming.SERVICE_TAG + uid)


def _make(cloud: OpenStack, wanted: Wanted) -> Body:
    near = wanted.vip.near
    if near:
        subnet = _subnet_near(cloud, near)
        wanted = replace(wanted, vip=replace(wanted.vip, subnet_id=subnet, near=""))
    return cloud.make("loadbalancer", tree.whole(wanted))


def _subnet_near(cloud: OpenStack, address: str) -> str:
    ports = cloud.network("GET", "/ports", fixed_ips=f"ip_address={address}")["ports"]
    at = (fixed for port in ports for fixed in port["fixed_ips"])
    found = next((str(f["subnet_id"]) for f in at if f["ip_address"] == address), "")
    if not found:
        raise Unusable(f"no port of the project has a node's address {address}: use {SUBNET_ID}")
    return found


def _check_sharing(found: Body, wanted: Wanted, most: int) -> None:
    if wanted.internal:
        raise Unusable("a Service that is internal cannot share another's load balancer")
    others = _others(found, wanted.name)
    if wanted.name not in found["tags"] and len(others) + 1 > most:
        raise Unusable(
            f"load balancer {found['id']} is shared by {len(others)} Services already, and may "
            f"be by {most} (max-shared-lb)"
        )


def _others(one: Body, name: str) -> list[str]:
    """Names of other Services that are on it."""
    return [tag for tag in one["tags"] if tag.startswith(naming.SERVICE_PREFIX) and tag != name]


def _tags(wanted: Wanted, *, owns: bool) -> tuple[str, ...]:
    return wanted.tags if owns else (wanted.name,)


def _ensured(cloud: OpenStack, found: Body, wanted: Wanted, *, owns: bool, made: bool) -> Ensured:
    more = found.get("additional_vips") or ()
    inside = [found["vip_address"], *(vip["ip_address"] for vip in more)]
    first4 = next((address for address in inside if ":" not in address), "")
    outside = floating.ensure(cloud, found, wanted, first4, owns=owns) if first4 else ""
    addresses = tuple(outside if address == first4 else str(address) for address in inside)
    return Ensured(found["id"], addresses, str(found["provisioning_status"]), owns, made)


def _remove_one(
    cloud: OpenStack, one: Body, name: str, uid: str, description: str, *, keep: bool
) -> None:
    """All of it, unless others are on it or it is nobody's whom we know."""
    if not _others(one, name) and one["name"].startswith(naming.SERVICE_PREFIX):
        _delete(cloud, one, description, keep=keep)
        return
    owns = naming.service_of(one["tags"]) == uid
    tree.Tree(cloud, one["id"], name, owns=owns).remove()
    mine = (name, naming.SERVICE_TAG + uid)
    left = [tag for tag in one["tags"] if tag not in mine]
    cloud.change("loadbalancer", one["id"], {"tags": left}, one["id"])


def _delete(cloud: OpenStack, one: Body, description: str, *, keep: bool) -> None:
    """The floating IP first: without the load balancer nobody would find it."""
    if not keep:
        floating.remove(cloud, one, description)
    cloud.remove("loadbalancer", one["id"], one["id"], cascade="true")
