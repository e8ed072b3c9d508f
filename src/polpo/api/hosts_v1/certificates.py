"""Certificates and keys for load balancers: told to the hosts that these are on, to nobody else."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from polpo.api.hosts_v1.callers import calling_host
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.parts import Parts
from polpo.api.secrets_v1.bundles import NoCertificate, payloads
from polpo.api.secrets_v1.sealing import Unopened
from polpo.compiler.certificates import digest
from polpo.model.load_balancer import Listener, LoadBalancer, Pool
from polpo.model.placement import Placement
from polpo.model.snapshot import Snapshot


async def show(parts: Parts, request: Request) -> Response:
    """`GET /v1/hosts/{host}/certificate?ref=R&digest=D`: PEM, as long as R leads to D."""
    host = calling_host(parts, request)
    ref, known = (request.query_params.get(name, "") for name in ("ref", "digest"))
    snapshot = parts.store.snapshot
    if known not in set(_digests(snapshot, host.name, ref)):
        raise Refused(404, "No load balancer on this host has such a certificate.")
    try:
        content = await parts.bundler.bundle(payloads(parts.seal, snapshot, ref))
    except NoCertificate as error:
        raise Refused(422, f"No certificate: {ref}: {error}") from None
    except Unopened as error:
        raise Refused(500, str(error)) from None
    return Response(content, media_type="application/x-pem-file")


def _digests(snapshot: Snapshot, host: str, ref: str) -> Iterable[str | None]:
    """What the reference leads to for load balancers with an instance there that have it."""
    for placement in snapshot.by(Placement, "host", host):
        balancer = snapshot.get(LoadBalancer, placement.function_id)
        if balancer is not None and any(ref in part.refs for part in _parts(snapshot, balancer)):
            yield digest(snapshot, balancer.project_id, ref)


def _parts(snapshot: Snapshot, balancer: LoadBalancer) -> Iterable[Listener | Pool]:
    yield from snapshot.by(Listener, "load_balancer", balancer.id)
    yield from snapshot.by(Pool, "load_balancer", balancer.id)
