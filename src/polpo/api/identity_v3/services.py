"""/v3/regions, /v3/services, /v3/endpoints: the configured catalog, to be read."""

from starlette.responses import Response

from polpo.api.identity_v3.call import Call, answer
from polpo.api.identity_v3.errors import NotFound
from polpo.api.identity_v3.listing import listing

Row = dict[str, object]


async def list_regions(call: Call) -> Response:
    return _list(call, "regions", _regions(call), ("parent_region_id",))


async def get_region(call: Call) -> Response:
    return _get(call, "region", _regions(call))


async def list_services(call: Call) -> Response:
    return _list(call, "services", _services(call), ("type", "name"))


async def get_service(call: Call) -> Response:
    return _get(call, "service", _services(call))


async def list_endpoints(call: Call) -> Response:
    return _list(call, "endpoints", _endpoints(call), ("interface", "service_id", "region_id"))


async def get_endpoint(call: Call) -> Response:
    return _get(call, "endpoint", _endpoints(call))


async def list_groups(call: Call) -> Response:
    """There are none."""
    return listing(call, "groups", [])


async def get_group(call: Call) -> Response:
    raise NotFound("group", call.part("group_id"))


def _regions(call: Call) -> list[Row]:
    id = call.identity.catalog.region
    return [_linked(call, "regions", {"id": id, "description": "", "parent_region_id": None})]


def _services(call: Call) -> list[Row]:
    rows: list[Row] = [
        {"id": s.id, "type": s.type, "name": s.name, "description": s.description, "enabled": True}
        for s in call.identity.catalog.services
    ]
    return [_linked(call, "services", row) for row in rows]


def _endpoints(call: Call) -> list[Row]:
    return [_linked(call, "endpoints", row) for row in call.identity.catalog.endpoints()]


def _linked(call: Call, kind: str, row: Row) -> Row:
    return {**row, "links": {"self": call.url(f"/{kind}/{row['id']}")}}


def _list(call: Call, name: str, rows: list[Row], filters: tuple[str, ...]) -> Response:
    wanted = {f: value for f in filters if (value := call.query(f)) is not None}
    chosen = [row for row in rows if all(row[f] == value for f, value in wanted.items())]
    return listing(call, name, chosen)


def _get(call: Call, name: str, rows: list[Row]) -> Response:
    id = call.part(f"{name}_id")
    for row in rows:
        if row["id"] == id:
            return answer({name: row})
    raise NotFound(name, id)
