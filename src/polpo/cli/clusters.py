"""`polpo cluster`: Kubernetes clusters whose pods are ports."""

import os
from typing import Annotated, Any

from cyclopts import App, Parameter

from polpo.cli.output import console, print_json, print_table

app = App(name="cluster", help="Kubernetes clusters: create, list, delete.")

_JSON = Parameter(name="--json", negative=())


@app.command
def create(
    name: str,
    *,
    network: str,
    router: str,
    service_cidr: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    security_group: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    policies: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Make a cluster known: hosts get ports for its pods in this network.

    Parameters
    ----------
    name
        As `clusters` in the agents' configuration names it.
    network
        Of its pods: id or name.
    router
        By which they reach Services and the outside: id or name.
    service_cidr
        Prefix of ClusterIPs, as kube-apiserver's --service-cluster-ip-range; once a family.
    security_group
        Of pods that no policy selects: id or name; more than once for several. Without it a group
        NAME-pods is made that lets everything pass, as Kubernetes has it.
    policies
        Pods are in the groups that NetworkPolicies come to, and in no others: nothing passes to or
        from a pod until `polpo policy --cluster NAME` runs.
    """
    session = _session()
    groups = [_id(session, "security_groups", group) for group in security_group]
    body = {
        "name": name,
        "network_id": _id(session, "networks", network),
        "router_id": _id(session, "routers", router),
        "service_cidrs": service_cidr,
        "security_group_ids": groups if groups or policies else [_open_group(session, name)],
        "policies": policies,
    }
    made = session.hosts("POST", "/clusters", {"cluster": body})["cluster"]
    if as_json:
        print_json(made)
    else:
        console.print(f"cluster {name}: name it in `clusters` of the agents' configuration")


@app.command(name="list")
def list_(*, as_json: Annotated[bool, _JSON] = False) -> None:
    """The project's clusters."""
    clusters = _session().hosts("GET", "/clusters")["clusters"]
    if as_json:
        print_json(clusters)
        return
    rows = [(c["name"], c["network_id"], ", ".join(c["service_cidrs"])) for c in clusters]
    print_table(("cluster", "network", "services"), rows)


@app.command
def delete(name: str) -> None:
    """Forget a cluster that has no pods, and the group that was made with it.

    Parameters
    ----------
    name
        Its name or id.
    """
    session = _session()
    cluster = session.hosts("GET", f"/clusters/{name}")["cluster"]
    session.hosts("DELETE", f"/clusters/{name}")
    for group in session.network("GET", "/security-groups", name=_group(cluster["name"]))[
        "security_groups"
    ]:
        if group["id"] in cluster["security_group_ids"] and group["description"] == _MADE:
            session.network("DELETE", f"/security-groups/{group['id']}")
    console.print(f"cluster {cluster['name']} is deleted")


_MADE = "Made by polpo cluster create"


def _group(cluster: str) -> str:
    return f"{cluster}-pods"


def _open_group(session: Any, cluster: str) -> str:
    """The group by which everything passes; one that an earlier try has made is as good."""
    name = _group(cluster)
    found = session.network("GET", "/security-groups", name=name)["security_groups"]
    if ours := [group for group in found if group["description"] == _MADE]:
        return str(ours[0]["id"])
    body = {"security_group": {"name": name, "description": _MADE}}
    group = session.network("POST", "/security-groups", body)["security_group"]["id"]
    for family in ("IPv4", "IPv6"):
        rule = {"security_group_id": group, "direction": "ingress", "ethertype": family}
        session.network("POST", "/security-group-rules", {"security_group_rule": rule})
    return str(group)


def _id(session: Any, collection: str, name: str) -> str:
    """Of the one object with this id or name that the project sees. Raises ApiError."""
    from polpo.client.session import ApiError

    path = "/" + collection.replace("_", "-")
    for key in ("id", "name"):
        found = session.network("GET", path, **{key: name})[collection]
        if len(found) == 1:
            return str(found[0]["id"])
        if found:
            raise ApiError(0, f"{len(found)} {collection} are named {name}: give an id")
    raise ApiError(0, f"no {collection.removesuffix('s').replace('_', ' ')} {name}")


def _session() -> Any:
    from polpo.client.clouds import read_cloud
    from polpo.client.session import Session

    return Session(read_cloud(os.environ.get("OS_CLOUD", "polpo")))
