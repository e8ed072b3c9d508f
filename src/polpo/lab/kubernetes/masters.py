"""Several masters: ports of the cloud on the lab's hosts, an etcd and an API server each, behind
the load balancer that `polpo cluster create` makes."""

from polpo.client.cluster.making import Making
from polpo.client.cluster.plan import Plan
from polpo.client.session import Session
from polpo.lab import outside, tenants
from polpo.lab.command import inside, run
from polpo.lab.kubernetes.layout import CLUSTER, PODS, SERVICES, Front, Master
from polpo.lab.layout import Lab
from polpo.lab.running import Running


def ensure_masters(running: Running, session: Session, world: str) -> Front:
    """Idempotent: the cluster in the cloud, a namespace for each master on a host of its own."""
    lab = running.lab
    plan = Plan(
        CLUSTER,
        masters=lab.masters,
        workers=0,
        pod_cidrs=PODS,
        service_cidrs=SERVICES,
        outside=world,
        policies=True,
    )
    made = Making(session, plan).make()
    masters = []
    for (name, address), host in zip(made.nodes.items(), lab.hosts, strict=True):
        (port,) = session.network("GET", "/ports", name=name)["ports"]
        netns = lab.netns(name)
        running.agent(host.name).plug(port["id"], netns=netns)
        masters.append(Master(name, address, netns))
    out = tenants.ensure_way_out(session, world, CLUSTER)
    outside.route(lab, [PODS[1]], next(address for address in out if ":" in address))
    _lead(lab, made.names[0])
    return Front(made.names[0], made.names[1], tuple(masters))


def _lead(lab: Lab, address: str) -> None:
    """Hosts, and who calls kubectl on this machine, reach the load balancer by way of the world."""
    route = outside.way(lab, address)
    run(*route)
    for host in lab.hosts:
        run(*inside(host.netns, *route))
