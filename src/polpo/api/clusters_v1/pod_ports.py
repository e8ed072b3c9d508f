"""A host's ports for pods: those that pods have, and some that wait for pods.

The host knows best which pods it has: it says all of them at once, and how many ports are to wait.
What it says is made true in one transaction, so saying it again changes nothing, and a word that
was lost is said by the next. Ports are never taken from a host that did not give them back.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import msgspec
from msgspec.structs import astuple, replace

from polpo.api.clusters_v1.pod_choices import made, network_of, wishes
from polpo.api.clusters_v1.pod_groups import (
    are_there,
    groups_for,
    host_groups,
    in_groups,
    said_of,
)
from polpo.api.hosts_v1.errors import Refused
from polpo.api.identifier import new_id
from polpo.api.network_v2 import port_addresses, quotas
from polpo.api.network_v2.macs import free_mac
from polpo.api.network_v2.resource import Writing
from polpo.model.choice import Choice
from polpo.model.cluster import (
    GOVERNED,
    HOST,
    MADE_FOR,
    POD,
    Cluster,
    has_policies,
    host_of,
    made_for,
    pods_of,
)
from polpo.model.exposed import Exposed, check
from polpo.model.port import EXPOSED, Port
from polpo.model.snapshot import Snapshot

MOST = 1024
"""Ports that may wait on one host: more is a mistake."""


class Pod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sandbox` is CNI_CONTAINERID, `name` <namespace>/<pod>, `uid` the pod's, if it is known.

    `exposed` are ports of the host that lead to it.
    """

    sandbox: str
    name: str = ""
    uid: str = ""
    exposed: tuple[Exposed, ...] = ()


class Pods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host says of its pods in one cluster.

    pods      port -> pod: all of them
    released  ports that it gives back and will not use any more
    waiting   how many ports without a pod it wants to have, at least
    chosen    attachment -> what its pod's annotations choose: it has no port yet
    """

    cluster: str
    pods: Mapping[str, Pod] = {}
    released: tuple[str, ...] = ()
    waiting: int = 0
    chosen: Mapping[str, Choice] = {}


def ports_of(snapshot: Snapshot, cluster: Cluster) -> Iterator[Port]:
    """The cluster's ports for pods and of hosts, on all hosts, in whichever network."""
    ports = snapshot.by(Port, "project", cluster.project_id)
    return (port for port in ports if cluster.name in (pods_of(port), host_of(port)))


def arrange(
    w: Writing, cluster: Cluster, host: str, said: Pods
) -> tuple[list[Port], dict[str, str]]:
    """The host's ports for pods of the cluster, as they are now; it has one of its own, too. And
    why which of those that pods chose could not be made.
    """
    if not 0 <= said.waiting <= MOST:
        raise Refused(400, f"waiting: from 0 to {MOST}.")
    here = _here(w.snapshot, cluster, host)
    for id in set(said.released) & here.keys():
        w.tx.remove(here.pop(id))
    found, refused = made(here, said.chosen, partial(_chosen, w, cluster, host))
    _ensure_own(w, cluster, host)  # any address will do for it, and for those that wait
    kept = [_with_pod(w, cluster, port, said.pods.get(port.id)) for port in here.values()]
    missing = said.waiting - sum(not port.device_id for port in kept)
    kept += _made(w, cluster, host, max(missing, 0))
    return kept + found, refused


def _here(snapshot: Snapshot, cluster: Cluster, host: str) -> dict[str, Port]:
    ports = snapshot.by(Port, "host", host)
    return {port.id: port for port in ports if pods_of(port) == cluster.name}


def _with_pod(w: Writing, cluster: Cluster, port: Port, pod: Pod | None) -> Port:
    """The groups come with the pod, in the same transaction. One that was chosen has a pod."""
    own = {MADE_FOR: made_for(port)} if made_for(port) else {}
    if own and pod is None:
        return port
    pod = pod or Pod("")
    governed = _is_governed(w.snapshot, cluster, port, pod)
    more = own | ({"uid": pod.uid} if pod.uid else {}) | _exposed(pod)
    profile = _profile(cluster, governed) | more
    after = replace(port, device_id=pod.sandbox, name=pod.name, profile=profile)
    if governed:
        groups = groups_for(w.snapshot, cluster, pod.name, pod.uid)
        after = in_groups(after, groups, w.tx.revision)
    return port if after == port else w.tx.put(after)


def _is_governed(snapshot: Snapshot, cluster: Cluster, port: Port, pod: Pod) -> bool:
    """Whether policies say its groups: of a pod that was there before the cluster had policies
    they do from when they are known.
    """
    if not cluster.policies or has_policies(port):
        return cluster.policies
    is_older = bool(pod.sandbox) and port.device_id == pod.sandbox
    return not is_older or said_of(snapshot, cluster, pod.name, pod.uid) is not None


def _exposed(pod: Pod) -> dict[str, object]:
    try:
        for one in pod.exposed:
            check(one)
    except ValueError as error:
        raise Refused(400, f"exposed: {error}") from error
    return {EXPOSED: [list(astuple(one)) for one in pod.exposed]} if pod.exposed else {}


def _made(w: Writing, cluster: Cluster, host: str, count: int) -> list[Port]:
    if count:
        quotas.check(w, "port", cluster.project_id, count)
    groups = groups_for(w.snapshot, cluster, "")
    return [_new(w, cluster, host, POD, groups) for _ in range(count)]


def _chosen(w: Writing, cluster: Cluster, host: str, key: str, choice: Choice) -> Port:
    """For the attachment of this name; it has its pod from the beginning."""
    network = network_of(w.snapshot, cluster, choice.network)
    quotas.check(w, "port", cluster.project_id)
    more = {MADE_FOR: key} | ({"uid": choice.uid} if choice.uid else {})
    port = Port(
        id=new_id(),
        project_id=cluster.project_id,
        network_id=network,
        mac_address=free_mac(w, network),
        device_owner=POD,
        device_id=choice.sandbox,
        name=choice.name,
        security_groups=groups_for(w.snapshot, cluster, choice.name, choice.uid),
        host=host,
        profile=_profile(cluster, cluster.policies) | more,
        wiring=w.tx.revision,
    )
    asked = wishes(w.snapshot, network, choice)
    return w.tx.put(replace(port, fixed_ips=port_addresses.choose(w, port, asked)))


def _ensure_own(w: Writing, cluster: Cluster, host: str) -> None:
    """The host's own port, by which it reaches its pods. In a cluster that has got policies it
    follows when their groups are there.
    """
    groups, here = host_groups(cluster), w.snapshot.by(Port, "host", host)
    port = next((port for port in here if host_of(port) == cluster.name), None)
    if port is None:
        services = {"services": list(cluster.service_cidrs)}
        port = _new(w, cluster, host, HOST, groups)
        w.tx.put(replace(port, device_id=host, name=host, profile=port.profile | services))
    elif port.security_groups != groups and are_there(w.snapshot, groups):
        profile = port.profile | _profile(cluster, cluster.policies)
        w.tx.put(in_groups(replace(port, profile=profile), groups, w.tx.revision))


def _new(w: Writing, cluster: Cluster, host: str, owner: str, groups: tuple[str, ...]) -> Port:
    port = Port(
        id=new_id(),
        project_id=cluster.project_id,
        network_id=cluster.network_id,
        mac_address=free_mac(w, cluster.network_id),
        device_owner=owner,
        security_groups=groups,
        host=host,
        profile=_profile(cluster, cluster.policies),
        wiring=w.tx.revision,
    )
    return w.tx.put(replace(port, fixed_ips=port_addresses.choose(w, port, None)))


def _profile(cluster: Cluster, governed: bool) -> dict[str, object]:
    return {"cluster": cluster.name} | (GOVERNED if governed else {})
