"""examples/cafe, as it is, asked by a client outside the cluster who is to be known as himself."""

import time
from collections.abc import Iterator
from pathlib import Path

import polpo
from polpo.lab.checks import Check
from polpo.lab.command import attempt, inside, run
from polpo.lab.kubernetes.cluster import Cluster

EXAMPLE = Path(polpo.__file__).parents[2] / "examples/cafe"
HOST, WORLD = "cafe.example.com", "203.0.113.1"
WITHIN_S = 60.0


def prove(cluster: Cluster) -> Iterator[Check]:
    cluster.kubectl("apply", "-f", str(EXAMPLE / "app.yaml"))
    _make_secret(cluster)
    for name in ("tea", "coffee"):
        cluster.until_available(name, "default")
    begun = time.monotonic()
    cluster.kubectl("apply", "-f", str(EXAMPLE / "ingress.yaml"))
    cluster.until(lambda: bool(_addresses(cluster)), "the Ingress has an address", WITHIN_S)
    address = _addresses(cluster)[0]
    cluster.until(lambda: bool(_ask(cluster, address, "/tea")), f"{address} answers", WITHIN_S)
    took = f"after {time.monotonic() - begun:.1f} s"
    said = {path: _ask(cluster, address, f"/{path}") for path in ("tea", "coffee")}
    passed = all(text == f"{path} for {WORLD}, asked for /{path}" for path, text in said.items())
    what = "Kubernetes: an Ingress with TLS, from outside, with the client's address"
    yield Check(what, passed, f"{address} {took}: {'; '.join(said.values())}")


def _addresses(cluster: Cluster) -> list[str]:
    status = cluster.show("ingress", "cafe")["status"]["loadBalancer"]
    return [str(one["ip"]) for one in status.get("ingress", ())]


def _ask(cluster: Cluster, address: str, path: str) -> str:
    """What the application says; "" for anything else."""
    words = ("curl", "--silent", "--insecure", "--fail", "--noproxy", "*", "--max-time", "2")
    where = ("--resolve", f"{HOST}:443:{address}", f"https://{HOST}{path}")
    code, said = attempt(*inside(cluster.at.lab.outside, *words, *where))
    return said.strip() if code == 0 else ""


def _make_secret(cluster: Cluster) -> None:
    """As examples/cafe/ingress.yaml says."""
    key, certificate = (cluster.at.folder / f"cafe.{end}" for end in ("key", "crt"))
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
        *("-days", "90", "-keyout", str(key), "-out", str(certificate)),
    )
    if "cafe" not in {one["metadata"]["name"] for one in cluster.show("secrets")["items"]}:
        files = (f"--cert={certificate}", f"--key={key}")
        cluster.kubectl("create", "secret", "tls", "cafe", *files)
    key.unlink()
