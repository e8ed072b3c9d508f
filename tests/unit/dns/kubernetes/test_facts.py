"""What `metadata` can tell about a query: the parts of its name, and the pod that asks."""

import pytest

from polpo.dns.query import Query
from polpo.dns.wire.name import from_text
from polpo.testing.kubernetes.asked import Asked, put
from polpo.testing.kubernetes.objects import Object, namespace, pod

COREFILE = ". {\n metadata\n kubernetes cluster.local {\n pods verified\n }\n}"
LABELS = {"app": "web", "app.kubernetes.io/name": "shop"}


def labelled(labels: dict[str, str]) -> Object:
    found = pod("web-1", "10.1.0.1")
    found["metadata"]["labels"] = labels
    return found


@pytest.fixture
def asked() -> Asked:
    return Asked(COREFILE, [namespace("default"), labelled(LABELS)])


def fact(asked: Asked, label: str, name: str = "example.org", client: str = "10.1.0.1") -> str:
    query = Query(from_text(name), 1, peer=(client, 4242))
    return asked.place.facts.of(query, f"kubernetes/{label}")


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("client-namespace", "default"),
        ("client-pod-name", "web-1"),
        ("client-label/app", "web"),
        ("client-label/app.kubernetes.io/name", "shop"),
        ("client-label/none", ""),
        ("client-label", ""),
        ("client-size", ""),
    ],
)
def test_the_pod_that_asks_is_known_by_its_address(asked: Asked, label: str, value: str) -> None:
    assert fact(asked, label) == value
    assert fact(asked, label, client="10.1.0.2") == ""


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("_http._tcp.web.shop.svc.cluster.local", ["", "svc", "shop", "http", "tcp", "web"]),
        ("db-0.db.shop.svc.cluster.local", ["db-0", "svc", "shop", "", "", "db"]),
        ("10-1-0-1.shop.pod.cluster.local", ["", "pod", "shop", "", "", "10-1-0-1"]),
        ("www.example.org", ["", "", "", "", "", ""]),
    ],
)
def test_a_name_of_the_cluster_has_parts(asked: Asked, name: str, parts: list[str]) -> None:
    labels = ("endpoint", "kind", "namespace", "port-name", "protocol", "service")
    assert [fact(asked, label, name) for label in labels] == parts


def test_another_label_of_a_pod_is_told(asked: Asked) -> None:
    put(asked.index, [labelled({"app": "api"})])
    asked.tell()
    assert fact(asked, "client-label/app") == "api"
    assert fact(asked, "client-label/app.kubernetes.io/name") == ""


def test_labels_stay_with_control_where_nobody_can_ask_for_them() -> None:
    asked = Asked(COREFILE.replace("metadata", "errors"), [namespace("default"), labelled(LABELS)])
    assert fact(asked, "client-pod-name") == "web-1"
    assert fact(asked, "client-label/app") == ""
