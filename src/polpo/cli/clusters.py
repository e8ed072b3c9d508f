"""`polpo cluster`: Kubernetes clusters whose pods are ports."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from polpo.cli import cluster_options as options
from polpo.cli.finding import session_of
from polpo.cli.output import console, print_json, print_table

app = App(name="cluster", help="Kubernetes clusters: create, list, set, delete.")

_JSON = Parameter(name="--json", negative=())


@app.command
def create(
    name: str,
    *,
    masters: options.Masters = 0,
    workers: options.Workers = 0,
    node_cidr: options.NodeCidr = "10.90.0.0/24",
    pod_cidr: options.PodCidrs = ("10.100.0.0/16",),
    service_cidr: options.ServiceCidrs = (),
    ssh_cidr: options.SshCidr = "",
    outside: options.Outside = "",
    internal: options.Internal = False,
    network: options.Network = "",
    router: options.Router = "",
    security_group: options.Groups = (),
    policies: options.Policies = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Make what a cluster needs, or a cluster known: hosts get ports for its pods.

    With --masters all is made: networks of nodes and pods, a router, groups, a port for each node,
    a load balancer for the API. With --network and --router these are used as they are.

    Parameters
    ----------
    name
        As `clusters` in the agents' configuration names it.
    """
    from polpo.client.cluster.plan import SERVICES, Plan, Unfit

    if bool(masters) == bool(network or router):
        raise Unfit("say --masters, so that all is made, or --network and --router, that are there")
    if masters:
        asked = (node_cidr, pod_cidr, service_cidr or SERVICES, ssh_cidr, outside)
        _make(Plan(name, masters, workers, *asked, internal, policies), as_json)
        return
    session = session_of()
    groups = [_id(session, "security_groups", group) for group in security_group]
    body = {
        "name": name,
        "network_id": _id(session, "networks", network),
        "router_id": _id(session, "routers", router),
        "service_cidrs": service_cidr,
        "security_group_ids": groups if groups or policies else [_open_group(session, name)],
        "policies": policies,
    }
    _know(session, body, as_json)


def _know(session: Any, body: dict[str, Any], as_json: bool) -> None:
    made = session.hosts("POST", "/clusters", {"cluster": body})["cluster"]
    if as_json:
        print_json(made)
    else:
        name = made["name"]
        console.print(f"cluster {name}: name it in `clusters` of the agents' configuration")


def _make(plan: Any, as_json: bool) -> None:
    from polpo.client.cluster.making import Making

    made = Making(session_of(), plan).make()
    if as_json:
        print_json(made)
        return
    print_table(("node", "address"), list(made.nodes.items()))
    for edit in made.edited:
        console.print(f"[yellow]edited by somebody, and left so:[/yellow] {edit}")
    console.print(
        f"the API is asked at {made.endpoint}. On the first master:\n"
        f"  kubeadm init --control-plane-endpoint {made.endpoint}"
        f" --apiserver-cert-extra-sans {','.join(made.names)}"
        f" --pod-network-cidr {','.join(plan.pod_cidrs)}"
        f" --service-cidr {','.join(plan.service_cidrs)} --skip-phases addon/kube-proxy",
        soft_wrap=True,
    )


@app.command(name="list")
def list_(*, as_json: Annotated[bool, _JSON] = False) -> None:
    """The project's clusters."""
    clusters = session_of().hosts("GET", "/clusters")["clusters"]
    if as_json:
        print_json(clusters)
        return
    rows = [(c["name"], c["network_id"], ", ".join(c["service_cidrs"])) for c in clusters]
    print_table(("cluster", "network", "services"), rows)


@app.command(name="set")
def set_(
    name: str,
    *,
    policies: Annotated[bool, Parameter(negative=())],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Switch policies on for a cluster that is there, for good. Its pods keep the groups that they
    have until `polpo policy` says theirs.

    Parameters
    ----------
    name
        Its name or id.
    policies
        Pods are in the groups that NetworkPolicies come to.
    """
    body = {"cluster": {"policies": policies}}
    changed = session_of().hosts("PATCH", f"/clusters/{name}", body)["cluster"]
    if as_json:
        print_json(changed)
    else:
        console.print(
            f"cluster {changed['name']} has policies. Next:\n"
            f"  polpo cluster manifest {changed['name']} --api-server … --only policy"
            " | kubectl apply -f -",
            soft_wrap=True,
        )


@app.command
def delete(name: str) -> None:
    """Forget a cluster that has no pods; all that was made with it is removed.

    Parameters
    ----------
    name
        Its name or id.
    """
    from polpo.client.cluster.removing import remove

    session = session_of()
    cluster = session.hosts("GET", f"/clusters/{name}")["cluster"]
    session.hosts("DELETE", f"/clusters/{name}")
    remove(session, cluster["name"])
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
