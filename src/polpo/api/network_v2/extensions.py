"""Extensions, as Neutron says what a cloud can do (Neutron API reference, "Extensions")."""

from importlib.resources import files
from typing import Any

from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import not_found

_TEXT = files("polpo.api.network_v2").joinpath("extensions.txt").read_text()
_ROWS = [line.split(" | ") for line in _TEXT.splitlines() if not line.startswith("#")]
EXTENSIONS = tuple((alias, name, what, updated) for alias, updated, name, what in _ROWS)
"""Alias, name, description, when it was last updated."""


async def list_all(call: Call) -> Answer:
    return 200, {"extensions": [_view(*extension) for extension in EXTENSIONS]}


async def show(call: Call, alias: str) -> Answer:
    for extension in EXTENSIONS:
        if extension[0] == alias:
            return 200, {"extension": _view(*extension)}
    raise not_found("ExtensionsNotFound", f"Extensions not found: {alias}.")


def _view(alias: str, name: str, description: str, updated: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": name,
        "description": description,
        "updated": updated,
        "links": [],
    }
