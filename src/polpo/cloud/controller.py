"""Follows a cluster's Services and nodes for as long as it runs, if it leads."""

from __future__ import annotations

import asyncio

import structlog

from polpo.client.session import ApiError
from polpo.cloud import balancers
from polpo.cloud.compile import Around
from polpo.cloud.due import Due
from polpo.cloud.index import Index
from polpo.cloud.keeping import RESYNC_S, Keeper
from polpo.cloud.nodes import Nodes
from polpo.cloud.objects import NODES, SERVICES, Node
from polpo.cloud.openstack import OpenStack, Stopped
from polpo.cloud.saying import Saying
from polpo.cloud.settings import Settings
from polpo.cloud.surroundings import SYSTEM, Session, look_around
from polpo.kube import errors
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.events import Events
from polpo.kube.lease import Election
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector
from polpo.kube.resources import ENDPOINT_SLICES

NAME = "polpo-cloud-controller"
WORKERS = 8
"""Services that are looked at at once."""

log = structlog.get_logger()


class Controller:
    """`identity`: of this replica. It leads alone among those that hold no Lease."""

    def __init__(
        self, client: Client, session: Session, cluster: str, settings: Settings, identity: str
    ) -> None:
        self._client, self._session = client, session
        self._cluster, self._settings, self._identity = cluster, settings, identity
        self._api = Api(client, NAME)
        self._election = Election(self._api, SYSTEM, NAME, identity)

    async def run(self) -> None:
        await self._election.run(self._lead)

    async def _lead(self) -> None:
        settings = self._settings
        cluster = await look_around(
            self._api, self._session, self._cluster, settings.pod_network_id
        )
        log.info("leads", identity=self._identity, pods=[subnet.cidr for subnet in cluster.pods])
        cloud = OpenStack(self._session)
        events = Events(self._api, NAME, self._identity)
        following = Following(
            self._client,
            Around(cluster, settings),
            cloud,
            Saying(self._api, events),
            Nodes(self._api, self._session),
        )
        try:
            await following.run()
        finally:
            cloud.stop()


class Following:
    """Services and nodes as they change, with several workers for Services."""

    def __init__(
        self, client: Client, around: Around, cloud: OpenStack, saying: Saying, nodes: Nodes
    ) -> None:
        self._due, self._cloud = Due(), cloud
        self._uid = around.cluster.uid
        self._index = Index(self._due.add, around.settings.load_balancer_class)
        self._keeper = Keeper(self._index, around, cloud, saying)
        self._nodes = nodes
        self._synced = asyncio.Event()
        self._reflectors = (
            Reflector(client, NODES, self._see_nodes, self._see),
            Reflector(client, ENDPOINT_SLICES, self._index.slices, self._see),
            Reflector(client, SERVICES, self._index.services, self._see),
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self._nodes.run())
            group.create_task(self._resync())
            for _ in range(WORKERS):
                group.create_task(self._work())

    def _see_nodes(self, changes: list[Change[Node]]) -> None:
        self._index.nodes(changes)
        self._nodes.changed(changes)

    def _see(self) -> None:
        if all(reflector.synced for reflector in self._reflectors):
            self._synced.set()

    async def _work(self) -> None:
        """Nothing is done before all is known: half of the endpoints would be too few."""
        await self._synced.wait()
        while True:
            key = await self._due.take()
            try:
                await self._look(key)
            finally:
                self._due.done(key)

    async def _look(self, key: str) -> None:
        try:
            again_s = await self._keeper.look(key)
        except errors.ApiError as error:
            if error.status not in (404, 409):  # it is another by now, or gone: we hear of it
                log.warning("Kubernetes refuses", service=key, error=str(error))
            self._due.add_after_failure(key)
        except ApiError as error:
            log.warning("the cloud refuses", service=key, error=str(error), status=error.status)
            self._due.add_after_failure(key)
        except Stopped:
            pass
        else:
            self._due.well(key)
            if again_s is not None:
                self._due.add_later(key, again_s)

    async def _resync(self) -> None:
        """What nobody's Service is any more goes, at the start and now and then."""
        await self._synced.wait()
        backoff = Backoff()
        while True:
            try:
                gone = await asyncio.to_thread(
                    balancers.remove_orphans, self._cloud, self._uid, self._index.uids()
                )
            except (ApiError, Stopped) as error:
                log.warning("load balancers cannot be listed", error=str(error))
                await asyncio.sleep(backoff.wait_s())
                continue
            for name in gone:
                log.warning("nobody's load balancer is removed", name=name)
            backoff.reset()
            await asyncio.sleep(RESYNC_S)
