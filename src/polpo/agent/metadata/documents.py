"""Path -> what the service says about one port. Pure."""

from urllib.parse import unquote

from polpo.agent.metadata import ec2, openstack
from polpo.agent.metadata.folder import Document, Folder, text
from polpo.agent.metadata.subject import Subject


def document(subject: Subject, path: str, seed: bytes) -> Document | None:
    """None for what is not there; a folder is its listing. Raises ValueError if the row is bad.

    What is not of OpenStack is of EC2.
    """
    names = [unquote(name) for name in path.partition("?")[0].split("/") if name]
    tree, *rest = names if names[:1] in (["openstack"], ["ec2"]) else ["ec2", *names]
    versions = (*(openstack if tree == "openstack" else ec2).VERSIONS, openstack.LATEST)
    if not rest:
        return text("\n".join(versions))
    if rest[0] not in versions:
        return None
    found = _folder(subject, tree, rest[0], seed).find(rest[1:])
    return found.listing() if isinstance(found, Folder) else found


def _folder(subject: Subject, tree: str, version: str, seed: bytes) -> Folder:
    if tree == "openstack":
        return openstack.openstack(subject, seed, version)
    return ec2.ec2(subject)
