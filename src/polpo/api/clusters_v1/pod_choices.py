"""Ports for pods that choose: a network, subnets, or addresses, by their annotations.

Such a port is made for one attachment of one pod, waits for no other, and its host gives it back
when the pod is gone.
"""

from collections.abc import Callable, Mapping

from polpo.api.hosts_v1.errors import Refused
from polpo.api.network_v2 import values
from polpo.api.network_v2.addresses import usable
from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.port_addresses import Wish
from polpo.model.choice import Choice
from polpo.model.cluster import Cluster, made_for
from polpo.model.network import Network, Subnet
from polpo.model.object import Owned
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.store.errors import Taken

FOR_PODS = "for-pods"
"""Tag of a network, or a security group, that a pod's annotation may name."""


def made(
    ports: Mapping[str, Port], wanted: Mapping[str, Choice], make: Callable[[str, Choice], Port]
) -> tuple[list[Port], dict[str, str]]:
    """Those that are not there yet; and why which are not made. One of them is no other's harm."""
    there = {made_for(port) for port in ports.values()}
    found, refused = [], {}
    for key, choice in sorted(wanted.items()):
        if key in there:
            continue
        try:
            found.append(make(key, choice))
        except (Refused, NeutronError) as error:
            refused[key] = error.message
        except Taken as error:
            refused[key] = f"{error.key} is another port's"
    return found, refused


def network_of(snapshot: Snapshot, cluster: Cluster, name: str) -> str:
    """Its id. Who makes a pod may only choose among networks that the project's users marked."""
    if not name:
        return cluster.network_id
    own = snapshot.by(Network, "project", cluster.project_id)
    found = [
        network.id
        for network in own
        if _is(network, name) and (FOR_PODS in network.tags or network.id == cluster.network_id)
    ]
    return _one(found, f"called {name} and tagged {FOR_PODS}", "network")


def wishes(snapshot: Snapshot, network: str, choice: Choice) -> list[Wish] | None:
    """As `fixed_ips` of the Network API; None for what a port gets without asking."""
    every = list(snapshot.by(Subnet, "network", network))
    named = [_subnet(every, name) for name in choice.subnets] or every
    if choice.addresses:
        return [_address(named, address) for address in choice.addresses]
    return [{"subnet_id": subnet.id} for subnet in named] if choice.subnets else None


def _subnet(every: list[Subnet], name: str) -> Subnet:
    found = [subnet for subnet in every if _is(subnet, name)]
    id = _one([subnet.id for subnet in found], f"of the network called {name}", "subnet")
    return next(subnet for subnet in found if subnet.id == id)


def _address(subnets: list[Subnet], given: str) -> Wish:
    """In its usual form: by another (`fd00::1%x`) it would not be seen to be somebody's already."""
    try:
        address = values.address().read(given)
    except ValueError as error:
        raise Refused(400, f"{error}.") from error
    for subnet in subnets:
        if usable(subnet.cidr, address):
            return {"subnet_id": subnet.id, "ip_address": address}
    raise Refused(400, f"{address} is an address of none of the pod's subnets.")


def _is(one: Owned, name: str) -> bool:
    return name in (one.id, one.name)


def _one(ids: list[str], which: str, kind: str) -> str:
    if len(ids) != 1:
        how_many = f"{len(ids)} {kind}s are" if ids else f"no {kind} is"
        raise Refused(400, f"{how_many} {which}.")
    return ids[0]
