"""Whatever is sent to whichever endpoint, it is not a server's error: never a 500."""

import warnings
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from polpo.api.network_v2.openapi import document
from polpo.api.network_v2.routes import CHILDREN, RESOURCES

SHAPES: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"5",
    b'"x"',
    b"{}",
    b'{"network": null}',
    b'{"network": []}',
    b'{"network": {"name": "\\u0000"}}',
    b'{"network": {"name": "\\ud800"}}',
    b'{"network": {"mtu": 1e400}}',
    b'{"network": {"mtu": ' + b"9" * 5000 + b"}}",
    b'{"network": {"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    b'{"networks": [5]}',
    b'{"networks": {"a": 1}}',
    b"\xff\xfe{}",
]

schema = schemathesis.openapi.from_dict(document(RESOURCES, CHILDREN.values(), "http://127.0.0.1"))


@pytest.fixture(scope="module", params=["sqlite"])
def controller(request: Any, new_controller: Any) -> Any:
    """What is under test has nothing of the database in it: one kind will do."""
    yield from new_controller(None)


@pytest.fixture
def session(sdk: Any) -> requests.Session:
    session = requests.Session()
    session.headers["X-Auth-Token"] = sdk.session.get_token()
    return session


@schema.parametrize()
@settings(
    max_examples=12,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_no_call_makes_the_server_fail(case: Any, session: requests.Session, login: Any) -> None:
    url = login["auth_url"].removesuffix("/identity/v3") + "/networking"
    path = case.operation.path
    inside = next((kind for kind in CHILDREN if f"{kind[0]}/{{id}}/{kind[1]}" in path), None)
    if case.path_parameters and (case.method == "PUT" or (inside and case.method == "POST")):
        collection = path.removeprefix("/v2.0/").partition("/{id}")[0]
        case.path_parameters["id"] = _existing(session, url, collection)
        if "child" in case.path_parameters and inside:
            within = f"{url}/v2.0/{collection}/{case.path_parameters['id']}/{inside[1]}"
            case.path_parameters["child"] = _existing_child(session, within, inside[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        response = case.call(base_url=url, session=session)
        case.validate_response(response, checks=[not_a_server_error])
    assert response.status_code != 503


def _existing(session: requests.Session, url: str, path: str) -> str:
    """The id of an object that is there to be changed."""
    if path not in RESOURCES:
        return str(session.get(f"{url}/v2.0/quotas/project").json()["project"]["project_id"])
    collection = RESOURCES[path].collection
    found = session.get(f"{url}/v2.0/{path}?limit=1").json()[collection]
    if not found:
        found = [_make(session, url, path)]
    return str(found[0]["id"])


def _existing_child(session: requests.Session, url: str, collection: str) -> str:
    """The id of one; of none where there can be none without more ado."""
    found = session.get(url).json()[collection]
    if not found and collection in CHILD_WISHES:
        member = collection.removesuffix("s")
        made = session.post(url, json={member: CHILD_WISHES[collection]})
        found = [made.json()[member]]
    return str(found[0]["id"]) if found else "x"


CHILD_WISHES = {
    "bandwidth_limit_rules": {"max_kbps": 1000},
    "dscp_marking_rules": {"dscp_mark": 8},
    "minimum_bandwidth_rules": {"min_kbps": 10},
}


def _make(session: requests.Session, url: str, path: str) -> Any:
    member = RESOURCES[path].member
    wish: dict[str, Any] = dict(WISHES.get(path, {"name": "f"}))
    if "floating_network_id" in wish:
        external = session.post(f"{url}/v2.0/networks", json={"network": {"router:external": True}})
        wish["floating_network_id"] = external.json()["network"]["id"]
        subnet = {**WISHES["subnets"], "network_id": wish["floating_network_id"]}
        session.post(f"{url}/v2.0/subnets", json={"subnet": subnet})
    if "object_type" in wish or "network_id" in wish:
        network = _make(session, url, "networks")["id"]
        wish["object_id" if "object_type" in wish else "network_id"] = network
    response = session.post(f"{url}/v2.0/{path}", json={member: wish})
    return response.json()[member]


WISHES: dict[str, dict[str, Any]] = {
    "subnets": {"network_id": "", "ip_version": 4, "cidr": "10.0.0.0/24"},
    "ports": {"network_id": ""},
    "floatingips": {"floating_network_id": ""},
    "subnetpools": {"name": "f", "prefixes": ["10.0.0.0/16"]},
    "address-scopes": {"name": "f", "ip_version": 4},
    "rbac-policies": {
        "object_type": "network",
        "object_id": "",
        "action": "access_as_shared",
        "target_tenant": "*",
    },
}


@pytest.mark.parametrize("body", SHAPES)
def test_bodies_that_are_none_are_refused(
    body: bytes, session: requests.Session, login: Any
) -> None:
    url = login["auth_url"].removesuffix("/identity/v3") + "/networking/v2.0/networks"
    response = session.post(url, data=body)
    assert response.status_code == 400
    assert response.json()["NeutronError"]["type"]


def test_a_body_without_end_is_cut_off(session: requests.Session, login: Any) -> None:
    url = login["auth_url"].removesuffix("/identity/v3") + "/networking/v2.0/networks"
    response = session.post(url, data=b" " * (2 << 20))
    assert response.status_code == 413
