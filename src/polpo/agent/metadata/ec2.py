"""What EC2's metadata service says, as far as Nova says it: /<version>/meta-data/..., user-data."""

from polpo.agent.metadata.folder import Document, Folder, text
from polpo.agent.metadata.openstack import user_data
from polpo.agent.metadata.subject import Subject

VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)


def ec2(subject: Subject) -> Folder:
    """Of any version: older ones knew less, but nobody minds more."""
    found: dict[str, Folder | Document] = {"meta-data": meta_data(subject)}
    if user := user_data(subject):
        found["user-data"] = user
    return Folder(found)


def meta_data(subject: Subject) -> Folder:
    hostname = text(subject.hostname)
    found: dict[str, Folder | Document] = {
        "ami-launch-index": text("0"),
        "hostname": hostname,
        "instance-action": text("none"),
        "instance-id": text(subject.instance.id),
        "local-hostname": hostname,
        "local-ipv4": text(subject.ipv4),
        "mac": text(subject.port.mac),
        "placement": Folder({"availability-zone": text(subject.instance.zone)}),
        "public-hostname": hostname,
        "public-ipv4": text(subject.floating),
    }
    if subject.instance.public_keys:
        found["public-keys"] = _keys(subject)
    return Folder(dict(sorted(found.items())))


def _keys(subject: Subject) -> Folder:
    """Listed as `0=name`, found as `0/openssh-key`."""
    keys = list(enumerate(subject.instance.public_keys))
    return Folder(
        {str(number): Folder({"openssh-key": text(key)}) for number, (_, key) in keys},
        labels={str(number): f"{number}={name}" for number, (name, _) in keys},
    )
