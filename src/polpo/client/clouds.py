"""Who to be and where: clouds.yaml, found where every OpenStack tool looks for it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml


class Cloud(msgspec.Struct, frozen=True):
    """One entry of clouds.yaml, as far as password authentication needs it."""

    auth_url: str
    username: str
    password: str
    project_name: str
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    cacert: str | None = None


class NoCloud(Exception):
    """The text says what is missing and what to do."""


def read_cloud(*names: str) -> Cloud:
    """The first of these clouds that the file has. Raises NoCloud."""
    path = next((p for p in _places() if p.is_file()), None)
    if path is None:
        raise NoCloud("no clouds.yaml found: export OS_CLIENT_CONFIG_FILE=<path of clouds.yaml>")
    clouds: dict[str, Any] = (yaml.safe_load(path.read_text()) or {}).get("clouds", {})
    for name in names:
        if name in clouds:
            entry = clouds[name]
            return msgspec.convert({**entry["auth"], "cacert": entry.get("cacert")}, Cloud)
    known = ", ".join(sorted(clouds)) or "none"
    raise NoCloud(f"{path} has no cloud {' or '.join(names)} (it has: {known}): choose by --cloud")


def admin_cloud(chosen: str | None) -> Cloud:
    """The cloud's admin: as chosen, or the `-admin` beside $OS_CLOUD, or $OS_CLOUD itself."""
    if chosen is not None:
        return read_cloud(chosen)
    name = os.environ.get("OS_CLOUD", "polpo")
    return read_cloud(f"{name}-admin", name)


def user_cloud(chosen: str | None) -> Cloud:
    """The cloud as chosen, or as the environment says (OS_AUTH_URL and so on), or $OS_CLOUD.

    Raises NoCloud.
    """
    if chosen is None and "OS_AUTH_URL" in os.environ:
        return _of_environment(os.environ)
    return read_cloud(chosen or os.environ.get("OS_CLOUD", "polpo"))


def _of_environment(given: Mapping[str, str]) -> Cloud:
    """As `openstackrc` files export it."""
    values = {field: given[_name(field)] for field in _FIELDS if given.get(_name(field))}
    missing = [_name(field) for field in _NEEDED if field not in values]
    if missing:
        raise NoCloud(f"OS_AUTH_URL is exported, and not {', '.join(missing)}")
    return msgspec.convert(values, Cloud)


_FIELDS = Cloud.__struct_fields__
_NEEDED = ("auth_url", "username", "password", "project_name")


def _name(field: str) -> str:
    return f"OS_{field.upper()}"


def _places() -> Iterator[Path]:
    """In the order of openstacksdk: the environment, here, the user's, the system's."""
    if named := os.environ.get("OS_CLIENT_CONFIG_FILE"):
        yield Path(named)
    yield Path("clouds.yaml")
    yield Path.home() / ".config/openstack/clouds.yaml"
    yield Path("/etc/openstack/clouds.yaml")
