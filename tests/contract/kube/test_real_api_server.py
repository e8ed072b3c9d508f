"""Client, reflector and DNS plugin against Kubernetes' own API server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from polpo.dns.corefile.parse import parse
from polpo.dns.plugins.kubernetes import setup
from polpo.dns.plugins.kubernetes.feed import KubernetesFeed
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.plugins.kubernetes.watching import cluster_of
from polpo.dns.wire.name import from_text
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.client import MERGE_PATCH, Client
from polpo.kube.decoding import Decoding
from polpo.kube.errors import ApiError
from polpo.kube.events import EVENTS, About, Events
from polpo.kube.lease import Election
from polpo.kube.objects import Service
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector
from polpo.kube.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from polpo.testing.kubernetes.api_server import until
from polpo.testing.kubernetes.objects import Object, endpoints, external, namespace, service
from polpo.testing.kubernetes.outlet import Told
from polpo.testing.kubernetes.real import RealApiServer

GROUP = "rbac.authorization.k8s.io"
SLICES = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]}
SEES = {"verbs": ["list", "watch"]}
READER = {
    "kind": "ClusterRole",
    "metadata": {"name": "system:coredns"},
    "rules": [
        {"apiGroups": [""], "resources": ["services", "namespaces"]} | SEES,
        SLICES | SEES,
    ],
}
BINDING = {
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "system:coredns"},
    "roleRef": {"kind": "ClusterRole", "name": "system:coredns", "apiGroup": GROUP},
    "subjects": [{"kind": "User", "name": "dns", "apiGroup": GROUP}],
}
RBAC = f"/apis/{GROUP}/v1"


async def make(client: Client, *items: Object) -> None:
    """Whatever is there already is made anew."""
    paths = {"Namespace": NAMESPACES, "Service": SERVICES, "EndpointSlice": ENDPOINT_SLICES}
    for item in items:
        meta = item["metadata"]
        path = paths[item["kind"]].path(meta.get("namespace", ""))  # type: ignore[attr-defined]
        await client.call("POST", path, body=json.dumps(item).encode())


async def test_objects_are_listed_watched_patched_and_removed(admin: Client) -> None:
    await make(admin, namespace("first"))
    await make(admin, *[service(f"s{n}", "first", ports="http:tcp:80") for n in range(7)])
    objects: dict[str, Service] = {}
    synced = asyncio.Event()

    def changed(changes: list[Change[Service]]) -> None:
        for key, item in changes:
            if item is None:
                del objects[key]
            else:
                objects[key] = item

    reflector = Reflector(admin, SERVICES, changed, synced.set, namespace="first", page=3)
    task = asyncio.create_task(reflector.run())
    await synced.wait()
    assert set(objects) == {f"first/s{n}" for n in range(7)}
    (port,) = objects["first/s0"].spec.ports
    assert (port.name, port.port, port.target_port) == ("http", 80, 80)
    assert objects["first/s0"].spec.cluster_ips[0].startswith("10.254.")
    patch = json.dumps({"metadata": {"labels": {"k": "v"}}}).encode()
    await admin.call("PATCH", SERVICES.path("first", "s0"), body=patch, content=MERGE_PATCH)
    await until(lambda: objects["first/s0"].metadata.labels == {"k": "v"})
    await admin.call("DELETE", SERVICES.path("first", "s1"))
    await until(lambda: "first/s1" not in objects)
    task.cancel()


async def test_a_conflict_and_a_missing_object_are_what_the_real_one_says(admin: Client) -> None:
    with pytest.raises(ApiError) as error:
        await make(admin, namespace("default"))
    assert (error.value.status, error.value.reason) == (409, "AlreadyExists")
    with pytest.raises(ApiError) as error:
        await admin.call("GET", SERVICES.path("default", "none"))
    assert (error.value.status, error.value.reason) == (404, "NotFound")


async def test_fields_are_applied_and_whose_they_are_is_known(admin: Client) -> None:
    ours, others = Api(admin, "polpo"), Api(admin, "somebody")
    made = await ours.apply(SERVICES, service("applied", "default", ports="http:tcp:80"))
    assert made.spec.type == "ClusterIP"
    await ours.apply(SERVICES, service("applied", "default", ports="http:tcp:80", type="NodePort"))
    other = service("applied", "default", ports="http:tcp:80", type="ClusterIP")
    with pytest.raises(ApiError) as error:
        await others.apply(SERVICES, other)
    assert (error.value.status, error.value.reason) == (409, "Conflict")
    forced = await others.apply(SERVICES, other, force=True)
    assert forced.spec.type == "ClusterIP"
    address = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    await ours.apply(SERVICES, service("lb", "default", ports="http:tcp:80", type="LoadBalancer"))
    patched = await ours.patch(SERVICES, "lb", "default", address, "status")
    assert patched.status.load_balancer.ingress[0].ip == "192.0.2.1"
    assert await ours.delete(SERVICES, "lb", "default")
    assert not await ours.delete(SERVICES, "lb", "default")


async def test_one_of_two_leads_and_says_so_on_an_object(
    server: RealApiServer, admin: Client
) -> None:
    led: list[str] = []
    api = Api(admin)
    events = Events(api, "polpo.dev/test", "one")

    def standing(name: str) -> asyncio.Task[None]:
        election = Election(api, "default", "test", name, retry_s=0.1)

        async def lead() -> None:
            led.append(name)
            await asyncio.Event().wait()

        return asyncio.create_task(election.run(lead))

    first = standing("first")
    await until(lambda: led == ["first"])
    second = standing("second")
    about = About(
        *("Service", "v1", "default", "kubernetes", "u", "Normal", "Led", "Lead", "by first")
    )
    await events.say(about)
    await events.say(about)
    first.cancel()
    await until(lambda: led == ["first", "second"])
    second.cancel()
    listed = json.loads(await admin.call("GET", EVENTS.path("default")))["items"]
    (said,) = [item for item in listed if item["reason"] == "Led"]
    assert (said["note"], said["series"]["count"]) == ("by first", 2)


async def first_events(client: Client, revision: str) -> None:
    """Raises ApiError where they are an error."""
    query = {"watch": "1", "resourceVersion": revision, "timeoutSeconds": "10"}
    async with client.stream(SERVICES.path(), query) as pieces:
        async for piece in pieces:
            Decoding(SERVICES).events(piece.splitlines())
            return


@contextlib.asynccontextmanager
async def dns(server: RealApiServer, name: str) -> AsyncIterator[tuple[KubernetesFeed, Store]]:
    """The plugin's feed as a user of this name."""
    pair = server.issue(name)
    tls = f"{pair.certificate} {pair.key} {server.files[2]}"
    lines = f"endpoint {server.cluster.server}\ntls {tls}"
    block = parse(f". {{ kubernetes cluster.local 10.254.0.0/16 {{\n{lines}\n}} }}")[0]
    options = setup.parse(block.named("kubernetes"), block)
    told = Told(options)
    feed = KubernetesFeed(options, cluster_of(options), told)
    task = asyncio.ensure_future(feed.run())
    yield feed, told.store
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_dns_plugin_knows_what_its_role_lets_it_see(
    server: RealApiServer, admin: Client
) -> None:
    await make(admin, namespace("dns"), service("web", "dns", ports="http:tcp:80"))
    await make(admin, service("db", "dns", "None"), external("ext", "example.org", "dns"))
    slice = endpoints("db-1", "db", "dns", addresses=["10.100.0.1"], ports="sql:tcp:5432")
    await make(admin, slice)
    async with dns(server, "dns") as (feed, store):
        await asyncio.sleep(0.5)
        assert not feed.ready, "nobody has given this user a role yet"
        await admin.call("POST", f"{RBAC}/clusterroles", body=json.dumps(READER).encode())
        await admin.call("POST", f"{RBAC}/clusterrolebindings", body=json.dumps(BINDING).encode())
        await until(lambda: store.synced)
        for name in ("web.dns", "_http._tcp.web.dns", "db.dns", "10-100-0-1.db.dns", "ext.dns"):
            assert from_text(f"{name}.svc.cluster.local") in store.names
        assert from_text("1.0.254.10.in-addr.arpa") in store.names, "the API's own Service"
        await admin.call("DELETE", SERVICES.path("dns", "web"))
        await until(lambda: from_text("web.dns.svc.cluster.local") not in store.names)


async def test_an_api_server_that_was_away_is_found_again_and_may_have_forgotten(
    server: RealApiServer, admin: Client
) -> None:
    objects: dict[str, Service] = {}
    synced = asyncio.Event()

    def changed(changes: list[Change[Service]]) -> None:
        objects.update({key: item for key, item in changes if item is not None})

    backoff = Backoff(first_s=0.1, longest_s=0.5)
    reflector = Reflector(admin, SERVICES, changed, synced.set, backoff=backoff)
    task = asyncio.create_task(reflector.run())
    await synced.wait()
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(0.3)
    assert "default/kubernetes" in objects
    await asyncio.to_thread(server.start)
    await make(admin, service("late", "default", ports="http:tcp:80"))
    await until(lambda: "default/late" in objects)
    task.cancel()
    with pytest.raises(ApiError) as error:
        await first_events(admin, "2")
    assert error.value.status == 410, "it has not been there at that revision"
