"""What becomes of floating IPs and port forwardings when what they hang on changes or goes."""

import msgspec

from polpo.api.network_v2.errors import bad_resource, conflict
from polpo.api.network_v2.resource import Writing
from polpo.model.port import Port
from polpo.model.router import FloatingIP


def before_change(w: Writing, before: Port, after: Port) -> None:
    """An address with a floating IP stays; forwardings to an address go with it."""
    if before.fixed_ips == after.fixed_ips:
        return
    left = {fixed.ip_address for fixed in after.fixed_ips}
    for fip in list(w.snapshot.by(FloatingIP, "port", before.id)):
        if fip.port_id == before.id and fip.fixed_ip_address not in left:
            raise bad_resource(
                "port",
                f"Cannot update the fixed_ips of the port {before.id}, because its original "
                "fixed_ip has been associated to a floating ip",
            )
        _keep_forwardings(w, fip, before.id, left)


def before_delete(w: Writing, port: Port) -> None:
    """They stand for nobody then. Others' floating IPs keep the port from going."""
    fips = list(w.snapshot.by(FloatingIP, "port", port.id))
    own = w.context.is_admin or all(fip.project_id == w.context.project_id for fip in fips)
    if not own:
        raise conflict(
            "FipAssociated",
            f'Unable to complete the operation on port "{port.id}" because the port still has an '
            "associated floating IP.",
        )
    for fip in fips:
        if fip.port_id == port.id:
            nobody = {"port_id": "", "fixed_ip_address": "", "router_id": ""}
            w.tx.put(msgspec.structs.replace(fip, **nobody))
        else:
            _keep_forwardings(w, fip, port.id, set())


def _keep_forwardings(w: Writing, fip: FloatingIP, port_id: str, addresses: set[str]) -> None:
    """Of those to the port, the ones to these addresses."""
    kept = tuple(
        f
        for f in fip.forwardings
        if f.internal_port_id != port_id or f.internal_address in addresses
    )
    if kept != fip.forwardings:
        router_id = fip.router_id if kept else ""
        w.tx.put(msgspec.structs.replace(fip, forwardings=kept, router_id=router_id))


def remove(w: Writing, fip: FloatingIP) -> None:
    """With the port that holds its address."""
    port = w.snapshot.get(Port, fip.floating_port_id)
    if port is not None:
        w.tx.remove(port)
    w.tx.remove(fip)


def with_network(w: Writing, network_id: str) -> None:
    """As in Neutron, those that stand for nobody do not keep their network from going."""
    for fip in list(w.snapshot.by(FloatingIP, "network", network_id)):
        if not fip.router_id:
            remove(w, fip)
