"""A host's ports for pods: those that pods have, and some that wait for pods.

The host knows best which pods it has: it says all of them at once, and how many ports are to wait.
What it says is made true in one transaction, so saying it again changes nothing, and a word that
was lost is said by the next. Ports are never taken from a host that did not give them back.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from polpo.api.clusters_v1.pod_groups import groups_for, host_groups, in_groups
from polpo.api.hosts_v1.errors import Refused
from polpo.api.identifier import new_id
from polpo.api.network_v2 import port_addresses, quotas
from polpo.api.network_v2.macs import free_mac
from polpo.api.network_v2.resource import Writing
from polpo.model.cluster import HOST, POD, Cluster, host_of, pods_of
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot

MOST = 1024
"""Ports that may wait on one host: more is a mistake."""


class Pod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sandbox` is CNI_CONTAINERID, `name` <namespace>/<pod>, `uid` the pod's, if it is known."""

    sandbox: str
    name: str = ""
    uid: str = ""


class Pods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host says of its pods in one cluster.

    pods      port -> pod: all of them
    released  ports that it gives back and will not use any more
    waiting   how many ports without a pod it wants to have, at least
    """

    cluster: str
    pods: Mapping[str, Pod] = {}
    released: tuple[str, ...] = ()
    waiting: int = 0


def ports_of(snapshot: Snapshot, cluster: Cluster) -> Iterator[Port]:
    """The cluster's ports for pods and of hosts, on all hosts."""
    ports = snapshot.by(Port, "network", cluster.network_id)
    return (port for port in ports if cluster.name in (pods_of(port), host_of(port)))


def arrange(w: Writing, cluster: Cluster, host: str, said: Pods) -> list[Port]:
    """The host's ports for pods of the cluster, as they are now; it has one of its own, too."""
    if not 0 <= said.waiting <= MOST:
        raise Refused(400, f"waiting: from 0 to {MOST}.")
    here = _here(w.snapshot, cluster, host)
    for id in set(said.released) & here.keys():
        w.tx.remove(here.pop(id))
    _ensure_own(w, cluster, host)
    kept = [_with_pod(w, cluster, port, said.pods.get(port.id)) for port in here.values()]
    missing = said.waiting - sum(not port.device_id for port in kept)
    return kept + _made(w, cluster, host, max(missing, 0))


def _here(snapshot: Snapshot, cluster: Cluster, host: str) -> dict[str, Port]:
    ports = snapshot.by(Port, "host", host)
    return {port.id: port for port in ports if pods_of(port) == cluster.name}


def _with_pod(w: Writing, cluster: Cluster, port: Port, pod: Pod | None) -> Port:
    """The groups come with the pod, in the same transaction."""
    pod = pod or Pod("")
    profile = _profile(cluster) | ({"uid": pod.uid} if pod.uid else {})
    after = replace(port, device_id=pod.sandbox, name=pod.name, profile=profile)
    if cluster.policies:
        groups = groups_for(w.snapshot, cluster, pod.name, pod.uid)
        after = in_groups(after, groups, w.tx.revision)
    return port if after == port else w.tx.put(after)


def _made(w: Writing, cluster: Cluster, host: str, count: int) -> list[Port]:
    if count:
        quotas.check(w, "port", cluster.project_id, count)
    groups = groups_for(w.snapshot, cluster, "")
    return [_new(w, cluster, host, POD, groups) for _ in range(count)]


def _ensure_own(w: Writing, cluster: Cluster, host: str) -> None:
    """The host's own port, by which it reaches its pods."""
    if not any(host_of(port) == cluster.name for port in w.snapshot.by(Port, "host", host)):
        services = {"services": list(cluster.service_cidrs)}
        port = _new(w, cluster, host, HOST, host_groups(cluster))
        w.tx.put(replace(port, device_id=host, name=host, profile=port.profile | services))


def _new(w: Writing, cluster: Cluster, host: str, owner: str, groups: tuple[str, ...]) -> Port:
    port = Port(
        id=new_id(),
        project_id=cluster.project_id,
        network_id=cluster.network_id,
        mac_address=free_mac(w, cluster.network_id),
        device_owner=owner,
        security_groups=groups,
        host=host,
        profile=_profile(cluster),
        wiring=w.tx.revision,
    )
    return w.tx.put(replace(port, fixed_ips=port_addresses.choose(w, port, None)))


def _profile(cluster: Cluster) -> dict[str, object]:
    return {"cluster": cluster.name} | ({"policies": True} if cluster.policies else {})
