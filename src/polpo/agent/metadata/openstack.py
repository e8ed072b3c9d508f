"""What OpenStack's metadata service says (Nova's documentation, "Metadata").

/openstack/<version>/meta_data.json, network_data.json, vendor_data.json, user_data, ...
"""

import base64
from typing import Any

import msgspec

from polpo.agent.metadata.folder import Document, Folder
from polpo.agent.metadata.network_data import network_data
from polpo.agent.metadata.subject import Subject

HAVANA, LIBERTY, NEWTON_TWO = "2013-10-17", "2015-10-15", "2016-10-06"
VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    HAVANA,
    LIBERTY,
    "2016-06-30",
    NEWTON_TWO,
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
)
LATEST = "latest"


def openstack(subject: Subject, seed: bytes, version: str) -> Folder:
    """What there was in that version (or the latest); what is in it is that of the latest.

    seed: random bytes for the reader's own generator.
    """
    files = {"meta_data.json": _json(meta_data(subject, seed))}
    if user := user_data(subject):
        files["user_data"] = user
    if version >= HAVANA:
        files["vendor_data.json"] = _json({})
    if version >= LIBERTY:
        files["network_data.json"] = _json(network_data(subject))
    if version >= NEWTON_TWO:
        files["vendor_data2.json"] = _json({})
    return Folder(files)


def user_data(subject: Subject) -> Document | None:
    """As it was given, without the base64 around it. Raises ValueError."""
    given = subject.instance.user_data
    if given is None:
        return None
    body = base64.b64decode("".join(given.split()), validate=True)
    return Document(body, "application/octet-stream")


def meta_data(subject: Subject, seed: bytes) -> dict[str, Any]:
    instance = subject.instance
    keys = [{"name": n, "type": "ssh", "data": f"{key}\n"} for n, key in instance.public_keys]
    return {
        "uuid": instance.id,
        "name": subject.port.name or subject.name,
        "hostname": subject.hostname,
        "availability_zone": instance.zone,
        "project_id": instance.project,
        "launch_index": 0,
        "meta": dict(instance.meta),
        "public_keys": {name: f"{key}\n" for name, key in instance.public_keys},
        "keys": keys,
        "devices": [],
        "random_seed": base64.b64encode(seed).decode(),
    }


def _json(value: Any) -> Document:
    return Document(msgspec.json.encode(value), "application/json")
