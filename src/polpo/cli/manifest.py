"""`polpo cluster manifest`: what runs in a cluster, for `kubectl apply`."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from polpo.cli.finding import session_of

PROGRAMS = ("services", "policy", "dns", "cloud-controller")
MORE = ("ingress", "namespaces")
"""Only where somebody asks for it."""


class Unclear(Exception):
    """What the command line lacks."""


def manifest(
    name: str,
    *,
    api_server: str,
    image: str = "polpo:latest",
    domain: str = "cluster.local",
    dns_address: str = "",
    only: Annotated[tuple[str, ...], Parameter(negative=())] = (),
) -> None:
    """Print what runs in a cluster: polpo services, policy (with policies), dns, cloud-controller.

    Its Pods find the network's API by the Secret `polpo-cloud` in kube-system: a clouds.yaml with a
    cloud `polpo`, whose user may write in the cluster's project.

    Parameters
    ----------
    name
        The cluster's name or id.
    api_server
        URL of the Kubernetes API as nodes reach it: no Service leads there before polpo runs.
    image
        polpo's, as `polpo image` has made it.
    domain
        The cluster's DNS domain.
    dns_address
        The DNS Service's; without it the tenth of the cluster's first prefix of Services.
    only
        One of the programs, more than once for several; without it all that the cluster needs.
    """
    from polpo.manifests import Values, render_all

    session = session_of()
    cluster = session.hosts("GET", f"/clusters/{name}")["cluster"]
    where = urlsplit(api_server)
    if where.scheme != "https" or not where.hostname:
        raise Unclear(f"--api-server {api_server!r}: give https://host:port")
    known = (*PROGRAMS, *MORE)
    if unknown := set(only) - set(known):
        raise Unclear(f"--only {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    values = Values(
        cluster=cluster["name"],
        image=image,
        api_host=where.hostname,
        api_port=where.port or 443,
        dns_address=dns_address or _tenth(cluster),
        domain=domain,
    )
    print(render_all(only or _needed(cluster), values))


def _needed(cluster: dict[str, Any]) -> list[str]:
    return [name for name in PROGRAMS if name != "policy" or cluster["policies"]]


def _tenth(cluster: dict[str, Any]) -> str:
    """As kubeadm chooses it."""
    from ipaddress import ip_network

    if not cluster["service_cidrs"]:
        raise Unclear("the cluster has no prefix of Services: give --dns-address")
    return str(ip_network(cluster["service_cidrs"][0])[10])
