"""The lab's passwords: random, made once, readable by root only."""

import secrets
from pathlib import Path

from polpo.lab.layout import Lab
from polpo.runtime.files import replace_file

PEOPLE = {"polpo": "polpo", "polpo-other": "other"}
"""cloud in clouds.yaml -> project and user of that name."""


def write_private(path: Path, text: str) -> None:
    """Mode 0600 from its first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


def keep_secret(path: Path) -> str:
    """The secret in the file, made if there is none."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def write_clouds(lab: Lab) -> None:
    """clouds.yaml for `openstack`: the two projects' users, and the cloud's admin."""
    clouds = {"polpo-admin": ("admin", keep_secret(lab.admin_password))}
    for cloud, user in PEOPLE.items():
        clouds[cloud] = (user, keep_secret(lab.folder / "passwords" / user))
    entries = "".join(_entry(lab, cloud, *who) for cloud, who in sorted(clouds.items()))
    write_private(lab.clouds, f"clouds:\n{entries}")


def clouds_of(lab: Lab, cloud: str) -> str:
    """clouds.yaml with this one user only."""
    user = PEOPLE[cloud]
    return f"clouds:\n{_entry(lab, cloud, user, keep_secret(lab.folder / 'passwords' / user))}"


def _entry(lab: Lab, cloud: str, user: str, password: str) -> str:
    return f"""  {cloud}:
    auth:
      auth_url: {lab.url}/identity/v3
      username: {user}
      password: {password}
      project_name: {user}
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
    identity_api_version: 3
"""
