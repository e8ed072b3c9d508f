"""Lists, with links to the pages beside them as Octavia gives them: always there, maybe none."""

from typing import Any

from msgspec.structs import replace

from polpo.api.network_v2 import listing, query
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.resource import Resource


async def list_all(resource: Resource, call: Call, path: str, **parent: str) -> Answer:
    """`parent`: an attribute of the objects that are meant, and its value."""
    asked = query.parse(resource, call.query, call.settings.page_limit)
    asked = replace(asked, asked={**asked.asked, **{k: [id] for k, id in parent.items()}})
    reading = call.reading()
    page = listing.objects(resource, reading, asked)
    answer: dict[str, Any] = {
        resource.collection: listing.only(resource.view(reading, page), asked.fields)
    }
    url = f"{call.controller.public_url}/load-balancer/v2.0/lbaas/{path}"
    answer[f"{resource.collection}_links"] = _links(asked, url, call.query, page)
    return 200, answer


def _links(asked: query.Query, url: str, text: str, page: list[Any]) -> list[dict[str, Any]]:
    """Without those that lead nowhere: before the first page, after the last."""
    found = listing.links(asked, url, text, page)
    return [link for link in found if link["rel"] == "next" or asked.marker]
