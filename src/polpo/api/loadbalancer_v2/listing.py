"""Lists, with links to the pages beside them as Octavia gives them: always there, maybe none."""

from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace

from polpo.api.network_v2 import listing, query
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.resource import Resource


async def list_all(resource: Resource, call: Call, path: str, **parent: str) -> Answer:
    """`parent`: an attribute of the objects that are meant, and its value."""
    asked = query.parse(resource, in_neutrons_words(call.query), call.settings.page_limit)
    asked = replace(asked, asked={**asked.asked, **{k: [id] for k, id in parent.items()}})
    reading = call.reading()
    page = listing.objects(resource, reading, asked)
    answer: dict[str, Any] = {
        resource.collection: listing.only(resource.view(reading, page), asked.fields)
    }
    url = f"{call.controller.public_url}/load-balancer/v2.0/lbaas/{path}"
    answer[f"{resource.collection}_links"] = _links(asked, url, call.query, page)
    return 200, answer


def in_neutrons_words(text: str) -> str:
    """Octavia's `sort=name:desc,id` besides `sort_key` and `sort_dir`, of which one may lack."""
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    wanted = [word for key, value in pairs if key == "sort" for word in value.split(",") if word]
    keys = [(word.partition(":")[0], word.partition(":")[2] or "asc") for word in wanted]
    plain = [value for key, value in pairs if key == "sort_key"]
    ways = [value for key, value in pairs if key == "sort_dir"]
    keys += zip_longest(plain, ways[: len(plain)], fillvalue="asc")
    rest = [pair for pair in pairs if pair[0] not in ("sort", "sort_key", "sort_dir")]
    for key, way in keys:
        rest += [("sort_key", key), ("sort_dir", way)]
    return urlencode(rest)


def _links(asked: query.Query, url: str, text: str, page: list[Any]) -> list[dict[str, Any]]:
    """Without those that lead nowhere: before the first page, after the last."""
    found = listing.links(asked, url, text, page)
    return [link for link in found if link["rel"] == "next" or asked.marker]
