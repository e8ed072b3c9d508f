"""A host's ports for pods: those that pods have, and some that wait for pods.

The host knows best which pods it has: it says all of them at once, and how many ports are to wait.
What it says is made true in one transaction, so saying it again changes nothing, and a word that
was lost is said by the next. Ports are never taken from a host that did not give them back.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

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
    """`sandbox` is CNI_CONTAINERID, `name` <namespace>/<pod>."""

    sandbox: str
    name: str = ""


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
    kept = [_with_pod(w, port, said.pods.get(port.id)) for port in here.values()]
    missing = said.waiting - sum(not port.device_id for port in kept)
    return kept + _made(w, cluster, host, max(missing, 0))


def _here(snapshot: Snapshot, cluster: Cluster, host: str) -> dict[str, Port]:
    ports = snapshot.by(Port, "host", host)
    return {port.id: port for port in ports if pods_of(port) == cluster.name}


def _with_pod(w: Writing, port: Port, pod: Pod | None) -> Port:
    device, name = (pod.sandbox, pod.name) if pod is not None else ("", "")
    if (port.device_id, port.name) == (device, name):
        return port
    return w.tx.put(replace(port, device_id=device, name=name))


def _made(w: Writing, cluster: Cluster, host: str, count: int) -> list[Port]:
    if count:
        quotas.check(w, "port", cluster.project_id, count)
    return [_new(w, cluster, host) for _ in range(count)]


def _ensure_own(w: Writing, cluster: Cluster, host: str) -> None:
    """The host's own port, by which it reaches its pods."""
    if not any(host_of(port) == cluster.name for port in w.snapshot.by(Port, "host", host)):
        services = {"services": list(cluster.service_cidrs)}
        port = _new(w, cluster, host, HOST)
        w.tx.put(replace(port, device_id=host, name=host, profile=port.profile | services))


def _new(w: Writing, cluster: Cluster, host: str, owner: str = POD) -> Port:
    port = Port(
        id=new_id(),
        project_id=cluster.project_id,
        network_id=cluster.network_id,
        mac_address=free_mac(w, cluster.network_id),
        device_owner=owner,
        security_groups=cluster.security_group_ids,
        host=host,
        profile={"cluster": cluster.name},
        wiring=w.tx.revision,
    )
    return w.tx.put(replace(port, fixed_ips=port_addresses.choose(w, port, None)))
