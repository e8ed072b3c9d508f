"""What the metadata service tells a port of itself. For ports of workloads, on every network.

What there is no attribute for is in the port's profile (`binding:profile`), as
{"metadata": {"user_data": base64, "public_keys": {name: key}, "meta": {name: value}}}.
"""

from typing import Any

from polpo.compiler.qos import SERVICES
from polpo.compiler.view import View
from polpo.model.cluster import OWNERS
from polpo.model.host import Host
from polpo.model.port import Port
from polpo.model.router import FloatingIP
from polpo.target.instance import Instance

METADATA = "metadata"


def instance_of(view: View, host: Host, port: Port) -> Instance | None:
    """None for a network's own ports, and for pods and their hosts."""
    if port.device_owner.startswith(SERVICES) or port.device_owner in OWNERS:
        return None
    told = _object(port.profile.get(METADATA))
    user_data = told.get("user_data")
    return Instance(
        id=port.device_id or port.id,
        network=port.network_id,
        project=port.project_id,
        zone=host.availability_zone,
        floating=_floating(view, port),
        user_data=user_data if isinstance(user_data, str) else None,
        public_keys=_texts(told.get("public_keys")),
        meta=_texts(told.get("meta")),
    )


def _floating(view: View, port: Port) -> tuple[tuple[str, str], ...]:
    """Not those that only forward ports to it."""
    found = view.snapshot.by(FloatingIP, "port", port.id)
    own = (ip for ip in found if ip.port_id == port.id)
    return tuple(sorted((ip.fixed_ip_address, ip.floating_ip_address) for ip in own))


def _object(value: Any) -> dict[str, Any]:
    """Profiles from before the API looked at them may hold anything."""
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in _object(value).items() if isinstance(v, str))
