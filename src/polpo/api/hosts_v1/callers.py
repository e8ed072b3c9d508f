"""Who asks: an agent by its host's token, a person or program by a token of the identity API.

Host tokens are random (256 bits) and only their SHA-256 is kept, as a claim: looking one up
compares nothing that a guesser could learn from by the time it takes.
"""

from hashlib import sha256

from starlette.requests import HTTPConnection

from polpo.api.context import Context, Unauthorized
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.parts import Parts
from polpo.model.host import Host
from polpo.model.snapshot import Snapshot


def token_hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def find_host(snapshot: Snapshot, name_or_id: str) -> Host | None:
    id = snapshot.holder("host", name_or_id) or name_or_id
    return snapshot.get(Host, id)


def calling_host(parts: Parts, request: HTTPConnection) -> Host:
    """The host in the path, whose token this is. Raises Refused: 401 or 403."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "A host's token is needed (Authorization: Bearer).")
    snapshot = parts.store.snapshot
    host = snapshot.get(Host, snapshot.holder("host-token", token_hash(token.strip())) or "")
    if host is None:
        raise Refused(401, "This token is no host's.")
    if request.path_params["host"] not in (host.name, host.id):
        raise Refused(403, "This token is another host's.")
    return host


async def calling_user(parts: Parts, request: HTTPConnection) -> Context:
    """Raises Refused: 401 or 403."""
    token = request.headers.get("x-auth-token", "")
    try:
        context = await parts.controller.identity.authenticate(token)
    except Unauthorized as error:
        raise Refused(401, "The request you have made requires authentication.") from error
    if not context.is_placed:
        raise Refused(403, "The token is not of a project: ask for one.")
    return context


async def calling_admin(parts: Parts, request: HTTPConnection) -> Context:
    """Raises Refused: 401 or 403."""
    context = await calling_user(parts, request)
    if not context.is_admin:
        raise Refused(403, "Only the cloud's admin may see and change hosts.")
    return context
