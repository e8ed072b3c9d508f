"""Segments, to look at: a network is one segment, and is made and changed as a network.

Neutron API reference, "Segments"; POST, PUT and DELETE are not served, nor is the alias listed.
"""

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import not_found
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.network import provider
from polpo.api.network_v2.query import fields
from polpo.model.network import Network

_FILTERS = ("id", "network_id", "network_type", "physical_network", "segmentation_id", "name")


async def list_all(call: Call) -> Answer:
    """To others than admins, none: Neutron's lists leave out, and do not refuse."""
    networks = call.reading().snapshot.all(Network) if call.context.is_admin else ()
    shown = sorted((_view(network) for network in networks), key=lambda s: str(s["id"]))
    for key, value in parse_qsl(call.query):
        if key in _FILTERS:
            shown = [segment for segment in shown if str(segment[key]) == value]
    return 200, {"segments": only(shown, fields(call.query))}


async def show(call: Call, id: str) -> Answer:
    networks = call.reading().snapshot.all(Network) if call.context.is_admin else ()
    for network in networks:
        if _id(network) == id:
            return 200, {"segment": only([_view(network)], fields(call.query))[0]}
    raise not_found("SegmentNotFound", f"Segment {id} could not be found.")


def _id(network: Network) -> str:
    """Always the same for a network, and not the network's own."""
    return str(uuid5(UUID(network.id), "segment"))


def _view(network: Network) -> dict[str, Any]:
    kind, physical, number = provider(network)
    return {
        "id": _id(network),
        "network_id": network.id,
        "network_type": kind,
        "physical_network": physical,
        "segmentation_id": number,
        "name": None,
        "description": None,
        "created_at": network.created_at,
        "updated_at": network.updated_at,
        "revision_number": network.revision_number,
    }
