"""What the references in a load balancer's tree lead to: digests for its row, never contents. Pure.

A project's references lead to its own secrets only. A secret's content can't be changed, so that
what is in one has changed when others are.
"""

from collections.abc import Iterable
from hashlib import sha256

from polpo.model.load_balancer import Listener, Pool
from polpo.model.secret import Secret, SecretContainer, id_in
from polpo.model.snapshot import Snapshot
from polpo.target.balancer import Certificate


def certificates(
    snapshot: Snapshot, project_id: str, parts: Iterable[Listener | Pool]
) -> tuple[Certificate, ...]:
    """Of all references that lead somewhere, by reference."""
    refs = {ref for part in parts for ref in part.refs}
    found = ((ref, digest(snapshot, project_id, ref)) for ref in sorted(refs))
    return tuple(Certificate(ref, known) for ref, known in found if known is not None)


def digest(snapshot: Snapshot, project_id: str, ref: str) -> str | None:
    """None if it leads nowhere, or to what is another project's, or has no content yet."""
    id = id_in(ref)
    container = snapshot.get(SecretContainer, id)
    if container is not None and container.project_id == project_id:
        named = [(part.name, snapshot.get(Secret, part.secret_id)) for part in container.secrets]
    else:
        named = [("", snapshot.get(Secret, id))]
    told = sha256()
    for name, secret in sorted(named, key=lambda pair: pair[0]):
        if secret is None or secret.project_id != project_id or not secret.sealed:
            return None
        told.update(f"{name}\n{secret.id}\n{secret.sealed}\n".encode())
    return told.hexdigest()
