"""Objects made, changed and removed, by the small server and by Kubernetes' own (beside)."""

import pytest

from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.errors import ApiError
from polpo.kube.resources import NAMESPACES, SERVICES
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.objects import namespace, service


async def test_an_object_is_made_read_patched_replaced_and_removed(client: Client) -> None:
    api = Api(client)
    assert await api.get(SERVICES, "a", "x") is None
    made = await api.create(SERVICES, service("a", "x", ports="http:tcp:80"))
    assert made.spec.ports[0].port == 80
    patch = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    await api.patch(SERVICES, "a", "x", patch, "status")
    found = await api.get(SERVICES, "a", "x")
    assert found is not None
    assert found.status.load_balancer.ingress[0].ip == "192.0.2.1"
    stale = service("a", "x")
    stale["metadata"]["resourceVersion"] = made.metadata.resource_version
    with pytest.raises(ApiError) as error:
        await api.replace(SERVICES, stale)
    assert error.value.status == 409
    assert await api.delete(SERVICES, "a", "x")
    assert not await api.delete(SERVICES, "a", "x")


async def test_what_goes_wrong_is_not_taken_for_absence(api: ApiServer, client: Client) -> None:
    api.refuse = 500
    with pytest.raises(ApiError):
        await Api(client).get(NAMESPACES, "a")
    with pytest.raises(ApiError):
        await Api(client).delete(NAMESPACES, "a")


async def test_a_namespace_is_in_none(api: ApiServer, client: Client) -> None:
    await Api(client).create(NAMESPACES, namespace("a"))
    assert api.asked[-1].startswith("POST /api/v1/namespaces?")
    assert (await Api(client).get(NAMESPACES, "a")) is not None
