"""Agents: the hosts, and what they last reported (Neutron API reference, "Networking agents")."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from polpo.api.context import HostReport
from polpo.api.network_v2 import values
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import bad_request, not_found
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.query import fields
from polpo.api.network_v2.resource import Writing
from polpo.model.host import Host
from polpo.model.snapshot import Snapshot

AGENT_TYPE = "polpo agent"
_BOOLEAN, _TEXT = values.boolean(), values.text(255)
_FILTERS = (
    "id",
    "host",
    "alive",
    "agent_type",
    "binary",
    "topic",
    "availability_zone",
    "admin_state_up",
    "description",
)


async def list_all(call: Call) -> Answer:
    """Nothing to those who may see none: Neutron's lists leave out, and do not refuse."""
    hosts = call.reading().snapshot.all(Host) if call.context.is_admin else ()
    reports = call.controller.wiring.reports()
    views = [view(host, reports) for host in sorted(hosts, key=lambda host: host.id)]
    for key, value in parse_qsl(call.query, keep_blank_values=True):
        if key in _FILTERS:
            views = [found for found in views if str(found[key]).lower() == value.lower()]
    return 200, {"agents": only(views, fields(call.query))}


async def show(call: Call, id: str) -> Answer:
    host = find(call, call.reading().snapshot, id)
    shown = view(host, call.controller.wiring.reports())
    return 200, {"agent": only([shown], fields(call.query))[0]}


async def update(call: Call, id: str) -> Answer:
    """`admin_state_up` and `description`."""
    find(call, call.reading().snapshot, id)
    given = _read(call.body)

    def act(w: Writing) -> Host:
        host = find(call, w.snapshot, id)
        return w.tx.put(msgspec.structs.replace(host, **given))

    return 200, {"agent": view(await call.write(act), call.controller.wiring.reports())}


def _read(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("agent"), dict):
        raise bad_request("Unable to find 'agent' in request body")
    kinds = {"admin_state_up": _BOOLEAN, "description": _TEXT}
    read = {}
    for key, value in body["agent"].items():
        if key not in kinds:
            raise bad_request(f"Unrecognized attribute(s) '{key}'")
        try:
            read[key] = kinds[key].read(value)
        except ValueError as error:
            raise bad_request(f"Invalid input for {key}. Reason: {error}.") from error
    return read


def find(call: Call, snapshot: Snapshot, id: str) -> Host:
    """To others than admins there are no agents, as in Neutron: 404 and not 403."""
    host = snapshot.get(Host, id) if call.context.is_admin else None
    if host is None:
        raise not_found("AgentNotFound", f"Agent {id} could not be found.")
    return host


def view(host: Host, reports: dict[str, HostReport]) -> dict[str, Any]:
    report = reports.get(host.name)
    return {
        "id": host.id,
        "agent_type": AGENT_TYPE,
        "binary": "polpo-agent",
        "topic": "N/A",
        "host": host.name,
        "admin_state_up": host.admin_state_up,
        "alive": report is not None and report.alive,
        "availability_zone": host.availability_zone,
        "description": host.description,
        "configurations": _configuration(host, report),
        "created_at": _spaced(host.created_at),
        "started_at": _spaced(host.created_at),
        "heartbeat_timestamp": _time(report.last_seen) if report else None,
        "resources_synced": None,
        "resource_versions": {},
    }


def _configuration(host: Host, report: HostReport | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if report is not None:
        said = {"revision": report.revision, "devices": report.ports}
        said["bridge_mappings"] = report.uplinks  # as Neutron calls it; there is no bridge here
        said["error"] = report.error
    return {"tunneling_ip": host.address, "tunnel_types": ["vxlan"], **said}


def _time(at_s: float) -> str:
    """As Neutron shows an agent's times: UTC without a zone."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _spaced(iso: str) -> str:
    return iso.replace("T", " ").removesuffix("Z")
