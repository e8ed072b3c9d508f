"""Who asks, and ports by the names that people gave them."""

import os
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from polpo.client.session import Session


def session_of(cloud: str = "") -> "Session":
    """As this entry of clouds.yaml, else $OS_CLOUD."""
    from polpo.client.clouds import read_cloud
    from polpo.client.session import Session

    return Session(read_cloud(cloud or os.environ.get("OS_CLOUD", "polpo")))


def find_port(session: "Session", port: str) -> str:
    """The id of the port with this id, or this name in the session's project."""
    from polpo.client.session import ApiError

    if is_id(port):
        return port
    found = session.network("GET", "/ports", name=port)["ports"]
    if len(found) != 1:
        how_many = "no port" if not found else f"{len(found)} ports: give an id instead of"
        raise ApiError(0, f"{how_many} {port}")
    return str(found[0]["id"])


def is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
