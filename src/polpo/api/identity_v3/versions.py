"""The version documents, by which clients find the API."""

from starlette.responses import Response

from polpo.api.identity_v3.call import Call, answer

_VERSION = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z"}
_MEDIA_TYPES = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]


async def list_versions(call: Call) -> Response:
    """300 Multiple Choices, although there is only one."""
    return answer({"versions": {"values": [_version(call)]}}, 300, Location=call.url("/"))


async def show_version(call: Call) -> Response:
    return answer({"version": _version(call)})


def _version(call: Call) -> dict[str, object]:
    links = [{"rel": "self", "href": call.url("/")}]
    return {**_VERSION, "links": links, "media-types": _MEDIA_TYPES}
