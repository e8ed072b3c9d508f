"""What a controller must know before it begins: which cluster this is, and where its pods are."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import structlog

from polpo.client.session import ApiError
from polpo.cloud.compile import Cluster
from polpo.cloud.members import Subnet
from polpo.cloud.openstack import Session as PublicApis
from polpo.kube import errors
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.resources import NAMESPACES

SYSTEM = "kube-system"

log = structlog.get_logger()


class Session(PublicApis, Protocol):
    """client.session.Session."""

    def hosts(self, method: str, path: str, body: Any = None, **query: Any) -> Any: ...


async def look_around(api: Api, session: Session, name: str, pod_network: str) -> Cluster:
    """However long it takes until both APIs answer."""
    backoff = Backoff()
    while True:
        try:
            system = await api.get(NAMESPACES, SYSTEM)
            if system is not None:
                pods = await asyncio.to_thread(pod_subnets, session, name, pod_network)
                return Cluster(name, system.metadata.uid, pods)
            trouble = f"the cluster has no namespace {SYSTEM} yet"
        except (errors.ApiError, ApiError) as error:
            trouble = str(error)
        wait_s = backoff.wait_s()
        log.warning("cannot begin yet", error=trouble, again_in_s=round(wait_s, 1))
        await asyncio.sleep(wait_s)


def pod_subnets(session: Session, name: str, network: str) -> tuple[Subnet, ...]:
    """Of the network that carries the cluster's pods as ports; none if none does.

    polpo says itself which that is (`polpo cluster create`); elsewhere settings may.
    """
    network = network or _of_cluster(session, name)
    if not network:
        return ()
    found = session.network("GET", "/subnets", network_id=network)["subnets"]
    subnets = (Subnet(subnet["id"], subnet["cidr"]) for subnet in found)
    return tuple(sorted(subnets, key=lambda subnet: (":" in subnet.cidr, subnet.id)))


def _of_cluster(session: Session, name: str) -> str:
    try:
        return str(session.hosts("GET", f"/clusters/{name}")["cluster"]["network_id"])
    except ApiError as error:
        if error.status == 0:
            raise
        return ""  # an OpenStack cloud, or a cluster whose pods are none of its business
    except (KeyError, TypeError):
        return ""
