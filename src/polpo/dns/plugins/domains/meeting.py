"""Finds `polpo policy`: where it is, whom it shows, and what it wants to see is in a Secret."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.kube.domains import LOOK_S, SECRET, SERVER_NAME, Meeting, meeting_of
from polpo.kube.errors import ApiError
from polpo.kube.pace import Pace
from polpo.kube.resources import SECRETS

AGENT = "polpo-dns"
PATIENCE_S = LOOK_S + 10
FAST = 100_000  # requests a second: it is we who wait for it


async def _said(cluster: Cluster) -> Meeting:
    client, (namespace, name) = Client(cluster, agent=AGENT), SECRET
    try:
        secret = await Api(client).get(SECRETS, name, namespace)
    finally:
        await client.close()
    said = meeting_of(secret) if secret is not None else None
    if said is None:
        raise ApiError(404, f"it says nothing in Secret {namespace}/{name}: is it running?")
    return said


@contextlib.asynccontextmanager
async def meet(cluster: Cluster) -> AsyncIterator[Client]:
    """`cluster` is the API server. Raises ApiError, ConfigurationError."""
    said = await _said(cluster)
    there = Cluster(
        server=said.url,
        ca=said.certificate.encode(),
        token=said.token,
        server_name=SERVER_NAME,
    )
    client = Client(there, agent=AGENT, pace=Pace(FAST, FAST), patience_s=PATIENCE_S)
    try:
        yield client
    finally:
        await client.close()
