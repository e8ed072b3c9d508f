"""examples/cafe, as it is, asked by a client outside the cluster who is to be known as himself."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polpo
from polpo.client.session import Session
from polpo.lab import balancer
from polpo.lab.balancer import Balancer
from polpo.lab.checks import Check
from polpo.lab.kubernetes import outsider
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components.ingress import NAME

EXAMPLES = Path(polpo.__file__).parents[2] / "examples"
HOST, WORLD = "cafe.example.com", "203.0.113.1"
NAMESPACE, BY_TCP, BY_HTTP = NAME, NAME, f"{NAME}-http"
BALANCER_ID = "loadbalancer.openstack.org/load-balancer-id"
WITHIN_S = 60.0


def prove(cluster: Cluster) -> Iterator[Check]:
    yield by_tcp(cluster)
    yield by_http(cluster)
    yield killed(cluster)


def by_tcp(cluster: Cluster) -> Check:
    """The controller's own load balancer: TLS ends in the controller, which is told of clients by
    the PROXY protocol."""
    begun = time.monotonic()
    cluster.kubectl("apply", "-f", str(EXAMPLES / "cafe"))
    cluster.until(lambda: bool(_ingress(cluster)), "the Ingress has an address", WITHIN_S)
    shown_s = time.monotonic() - begun
    for name in ("tea", "coffee"):
        cluster.until_available(name, "default")
    what = "Kubernetes: an Ingress by TCP and PROXY protocol, the client's address"
    return _serves(cluster, what, _ingress(cluster), shown_s)


def by_http(cluster: Cluster) -> Check:
    """Another one, which ends TLS and writes X-Forwarded-For."""
    manifest = (EXAMPLES / "ingress/behind-http.yaml").read_text()
    with cluster.running.tenant() as session:
        manifest = manifest.replace("CERTIFICATE", _certificate(cluster, session))
    begun = time.monotonic()
    cluster.kubectl("apply", "-f", "-", stdin=manifest)
    cluster.until(lambda: bool(_service(cluster, BY_HTTP)), f"{BY_HTTP} has one", WITHIN_S)
    shown_s = time.monotonic() - begun
    what = "Kubernetes: an Ingress by TLS and X-Forwarded-For, the client's address"
    return _serves(cluster, what, _service(cluster, BY_HTTP), shown_s)


def killed(cluster: Cluster) -> Check:
    """kill -9 of the active HAProxy of both."""
    names, running = (BY_TCP, BY_HTTP), cluster.running
    with running.tenant() as session:
        found = [_balancer(cluster, session, name) for name in names]

    def kill() -> None:
        for one in found:
            balancer.kill_active(running.admin, running.lab, one)

    addresses = [one.address for one in found]
    seen = outsider.ask_while(running.lab.outside, addresses, HOST, "/tea", kill)
    said = f"{seen.unanswered} of {seen.asked} without an answer, {seen.again} asked again"
    figure = f"{said}; the slowest after {seen.slowest_s * 1000:.0f} ms"
    passed = seen.asked > 0 and seen.unanswered == 0
    return Check("Kubernetes: the active half of both pairs is killed", passed, figure)


def _serves(cluster: Cluster, what: str, address: str, shown_s: float) -> Check:
    ask = partial(outsider.ask, cluster.at.lab.outside, address, HOST)
    said: dict[str, str] = {}

    def answers() -> bool:
        said.update((path, ask(f"/{path}")) for path in ("tea", "coffee"))
        return all(said.values())

    cluster.until(answers, f"{address} answers", WITHIN_S)
    passed = all(text == f"{path} for {WORLD}, asked for /{path}" for path, text in said.items())
    return Check(what, passed, f"{address} shown after {shown_s:.1f} s: {said['tea']}")


def _ingress(cluster: Cluster) -> str:
    """The cafe's address, or "" while it has none."""
    return _address(cluster.show("ingress", "cafe"))


def _service(cluster: Cluster, name: str) -> str:
    return _address(cluster.show("--namespace", NAMESPACE, "service", name))


def _address(shown: Any) -> str:
    return next((str(one["ip"]) for one in shown["status"]["loadBalancer"].get("ingress", ())), "")


def _balancer(cluster: Cluster, session: Session, name: str) -> Balancer:
    """A Service's, by the id that its annotation says."""
    shown = cluster.show("--namespace", NAMESPACE, "service", name)
    id = shown["metadata"]["annotations"][BALANCER_ID]
    found = session.load_balancer("GET", f"/lbaas/loadbalancers/{id}")["loadbalancer"]
    return Balancer(id, found["listeners"][0]["id"], _address(shown))


def _certificate(cluster: Cluster, session: Session) -> str:
    """The reference of the example's, in the project's store of secrets."""
    found = session.secrets("GET", "/secrets", name=HOST)["secrets"]
    if found:
        return str(found[0]["secret_ref"])
    secret = {"name": HOST, "payload": cluster.pem("cafe"), "payload_content_type": "text/plain"}
    return str(session.secrets("POST", "/secrets", secret)["secret_ref"])
