"""Port forwardings of a floating IP (Neutron API reference, "Floating IPs port forwarding").

One external port or a range of them; inside the same number of ports, or one for all. Sentences
and order as in Neutron's `pf_plugin`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import floatingip, floatingip_association, values
from polpo.api.network_v2 import port as ports
from polpo.api.network_v2.attributes import REQUIRED, Attribute, child_table
from polpo.api.network_v2.children import Child
from polpo.api.network_v2.errors import NeutronError, bad_resource, conflict
from polpo.api.network_v2.port_forwarding_view import ranged, view
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.values import integer, lower, nullable, one_of, text
from polpo.model.port import FixedIP, Port
from polpo.model.router import FloatingIP, Forwarding

PROTOCOLS = ("tcp", "udp", "sctp", "dccp")
"""Those that have ports (RFC 9293, 768, 9260, 4340)."""

MOST_PORTS = 1000
"""Of a floating IP, in all: each is an element of the gateway's maps, for nft can't shift a range.
All 65535 of one protocol take it some 2 to 5 s, in which its host's other gateways wait.
"""
_PORT = Attribute(kind=nullable(integer(1, 65535)), default=None)
_RANGE = Attribute(kind=nullable(values.port_range()), default=None)

TABLE = child_table(
    "floatingip_port_forwarding",
    {
        "protocol": Attribute(kind=lower(one_of(*PROTOCOLS)), default=REQUIRED),
        "internal_port_id": Attribute(kind=values.uuid(), default=REQUIRED),
        "internal_ip_address": Attribute(kind=values.address(), filter=False),
        "internal_port": _PORT,
        "internal_port_range": _RANGE,
        "external_port": _PORT,
        "external_port_range": _RANGE,
        "description": Attribute(kind=text(255), default=""),
    },
)


def create(w: Writing, fip: FloatingIP, given: dict[str, Any]) -> Forwarding:
    port: Port = ports.RESOURCE.find(w.snapshot, w.context, given["internal_port_id"])
    external, internal = (_ports(given, side) for side in ("external", "internal"))
    if external is None or internal is None:
        side = "external" if external is None else "internal"
        raise _bad(f"Either {side}_port or {side}_port_range must be specified")
    fixed = _fixed(port, given.get("internal_ip_address"))
    forwarding = Forwarding(
        id=new_id(),
        protocol=given["protocol"],
        external_port=external[0],
        external_port_last=external[1],
        internal_port_id=port.id,
        internal_address=fixed.ip_address,
        internal_port=internal[0],
        internal_port_last=internal[1],
        description=given["description"],
    )
    return _put(w, fip, forwarding, port, fixed)


def update(w: Writing, fip: FloatingIP, now: Forwarding, given: dict[str, Any]) -> Forwarding:
    port_id = given.get("internal_port_id", now.internal_port_id)
    port: Port = ports.RESOURCE.find(w.snapshot, w.context, port_id)
    same_port = port.id == now.internal_port_id
    fixed = _fixed(
        port, given.get("internal_ip_address", now.internal_address if same_port else None)
    )
    external = _ports(given, "external") or (now.external_port, now.external_port_last)
    internal = _ports(given, "internal") or (now.internal_port, now.internal_port_last)
    after = msgspec.structs.replace(
        now,
        protocol=given.get("protocol", now.protocol),
        external_port=external[0],
        external_port_last=external[1],
        internal_port_id=port.id,
        internal_address=fixed.ip_address,
        internal_port=internal[0],
        internal_port_last=internal[1],
        description=given.get("description", now.description),
    )
    return _put(w, fip, after, port, fixed)


def delete(w: Writing, fip: FloatingIP, forwarding: Forwarding) -> None:
    """The last one frees the floating IP from its router."""
    left = tuple(f for f in fip.forwardings if f.id != forwarding.id)
    router_id = fip.router_id if left else ""
    w.tx.put(msgspec.structs.replace(fip, forwardings=left, router_id=router_id))


def _put(
    w: Writing, fip: FloatingIP, forwarding: Forwarding, port: Port, fixed: FixedIP
) -> Forwarding:
    _check_own(w, fip, port)
    _check_ranges(forwarding)
    _check_apart(w, fip, forwarding)
    _check_no_floating_ip(w, fip, forwarding)
    router_id = _router(w, fip, port, fixed)
    others = tuple(f for f in fip.forwardings if f.id != forwarding.id)
    kept = (*others, forwarding)
    ports = sum(f.external_port_last - f.external_port + 1 for f in kept)
    if ports > MOST_PORTS:
        raise _bad(f"A floating IP forwards {MOST_PORTS} ports at most, not {ports}")
    w.tx.put(msgspec.structs.replace(fip, forwardings=kept, router_id=router_id))
    return forwarding


def _ports(given: dict[str, Any], side: str) -> tuple[int, int] | None:
    """First and last; a range and a single port are two ways to say it."""
    port, span = given.get(f"{side}_port"), given.get(f"{side}_port_range")
    if span is None:
        return (port, port) if port is not None else None
    first, _, last = span.partition(":")
    if port is not None and (int(first), int(last)) != (port, port):
        raise _bad(f"{side}_port {port} and {side}_port_range {span} are not the same")
    return int(first), int(last)


def _fixed(port: Port, address: str | None) -> FixedIP:
    held = floatingip_association.ipv4(port)
    if not held:
        raise _bad(f"Requested internal port {port.id} must allocate an IPv4 address at least.")
    found = [fixed for fixed in held if address in (None, fixed.ip_address)]
    if not found:
        raise _bad(
            f"Requested internal IP address {address} is not suitable for internal neutron port "
            f"{port.id}, as its fixed_ips are {[fixed.ip_address for fixed in held]}"
        )
    return found[0]


def _check_own(w: Writing, fip: FloatingIP, port: Port) -> None:
    """As for floating IPs: who sees a port because it is on their network does not expose it."""
    if port.project_id != fip.project_id and not w.context.is_admin:
        raise _bad(
            f"Cannot set Port forwarding for port {port.id} with Floating IP {fip.id}, since that "
            "port is owned by a different tenant"
        )


def _check_ranges(forwarding: Forwarding) -> None:
    inside = forwarding.internal_port_last - forwarding.internal_port
    outside = forwarding.external_port_last - forwarding.external_port
    if inside not in (0, outside):
        raise _bad(
            "Invalid ranges of internal and/or external ports. The relation between internal and "
            "external ports must be N-N or 1-N"
        )


def _check_apart(w: Writing, fip: FloatingIP, new: Forwarding) -> None:
    """No external port twice, and no internal one."""
    inside = (
        f
        for holder in w.snapshot.by(FloatingIP, "port", new.internal_port_id)
        for f in holder.forwardings
        if (f.internal_port_id, f.internal_address) == (new.internal_port_id, new.internal_address)
    )
    _check_collisions("internal", inside, new)
    _check_collisions("external", fip.forwardings, new)


def _check_collisions(side: str, others: Iterable[Forwarding], new: Forwarding) -> None:
    first, last = getattr(new, f"{side}_port"), getattr(new, f"{side}_port_last")
    for other in others:
        theirs = getattr(other, f"{side}_port"), getattr(other, f"{side}_port_last")
        apart = theirs[1] < first or last < theirs[0]
        if other.id != new.id and other.protocol == new.protocol and not apart:
            raise _bad(
                f"There is a port collision with the {side}_port_range. The following ranges "
                f"collides: {ranged(*theirs)} and {ranged(first, last)}"
            )


def _check_no_floating_ip(w: Writing, fip: FloatingIP, new: Forwarding) -> None:
    port_id, address = new.internal_port_id, new.internal_address
    for holder in w.snapshot.by(FloatingIP, "port", port_id):
        if holder.port_id == port_id:
            raise conflict(
                "PortHasBindingFloatingIP",
                f"Cannot create port forwarding to floating IP {holder.floating_ip_address} "
                f"({holder.id}) with port {port_id} using fixed IP {address}, as that port already "
                "has a binding floating IP.",
            )
    if fip.port_id:
        raise floatingip_association.already_associated(fip, port_id, address)


def _router(w: Writing, fip: FloatingIP, port: Port, fixed: FixedIP) -> str:
    external_id = fip.floating_network_id
    router_id = floatingip_association.router_for(w.snapshot, fixed, external_id)
    if not router_id:
        raise _bad(
            f"External network {external_id} is not reachable from subnet {fixed.subnet_id}. "
            f"Cannot set Port forwarding for port {port.id} with Floating IP {fip.id}"
        )
    if fip.router_id not in ("", router_id):
        raise _bad(
            f"The Floating IP {fip.id} had been set on router {fip.router_id}, the internal "
            f"Neutron port {port.id} can not reach it"
        )
    return router_id


def _bad(message: str) -> NeutronError:
    return bad_resource("port_forwarding", message)


CHILD = Child(
    parent=floatingip.RESOURCE,
    member="port_forwarding",
    collection="port_forwardings",
    table=TABLE,
    missing=("PortForwardingNotFound", "Port Forwarding {id} could not be found."),
    of=lambda fip: fip.forwardings,
    view=view,
    create=create,
    update=update,
    delete=delete,
)
