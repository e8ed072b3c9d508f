"""The description of the API is that of the tables that check requests."""

from typing import Any

from polpo.api.loadbalancer_v2.openapi import document

PATHS: dict[str, Any] = document("http://here", "2.27")["paths"]


def body(path: str, verb: str, what: str) -> Any:
    content = PATHS[path][verb]["requestBody"]["content"]["application/json"]
    return content["schema"]["properties"][what]


def test_each_kind_can_be_listed_made_shown_changed_and_deleted() -> None:
    for kind in ("loadbalancers", "listeners", "pools", "healthmonitors", "l7policies", "flavors"):
        assert {"get", "post"} <= PATHS[f"/v2/lbaas/{kind}"].keys()
        assert {"get", "put", "delete"} <= PATHS[f"/v2/lbaas/{kind}/{{id}}"].keys()
    for path in ("pools/{id}/members/{child}", "l7policies/{id}/rules/{child}"):
        assert {"get", "put", "delete"} <= PATHS[f"/v2/lbaas/{path}"].keys()


def test_it_says_what_is_required_and_what_can_be_changed() -> None:
    made = body("/v2/lbaas/listeners", "post", "listener")
    assert {"protocol", "protocol_port"} <= set(made["required"])
    changed = body("/v2/lbaas/listeners/{id}", "put", "listener")
    assert "protocol" not in changed["properties"]
    tree = body("/v2/lbaas/loadbalancers", "post", "loadbalancer")
    assert {"vip_subnet_id", "listeners", "pools"} <= tree["properties"].keys()
    assert "weight" in body("/v2/lbaas/pools/{id}/members", "put", "members")["items"]["properties"]


def test_a_path_that_names_an_object_says_so() -> None:
    for path, found in PATHS.items():
        named = {parameter["name"] for parameter in found.get("parameters", ())}
        assert named == {word.strip("{}") for word in path.split("/") if word.startswith("{")}
