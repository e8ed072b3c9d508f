"""`/v1/hosts/{host}/pods`: what an agent says of its pods, and the ports that it gets for them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from polpo.api.clusters_v1.pod_ports import Pods, arrange
from polpo.api.context import Context
from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_host
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.settings import Settings
from polpo.model.cluster import Cluster
from polpo.model.host import Host
from polpo.model.port import Port
from polpo.store.transaction import Transaction


class HostPods:
    """Ports are made as the Network API makes them: by the same settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def put(self, parts: Parts, request: Request) -> Response:
        """`PUT`: the answer lists the host's ports, those with a pod and those without, and says
        why there are none for which of the pods that choose.
        """
        host, said = calling_host(parts, request), decoded(await body_of(request), Pods)
        ports, refused = await parts.store.write(lambda tx: self._arrange(tx, host, said))
        listed = [shown(port) for port in sorted(ports, key=lambda p: p.id)]
        return answer({"ports": listed, "refused": refused})

    def _arrange(
        self, tx: Transaction, host: Host, said: Pods
    ) -> tuple[list[Port], dict[str, str]]:
        cluster = tx.snapshot.get(Cluster, tx.snapshot.holder("cluster", said.cluster) or "")
        if cluster is None:
            raise Refused(404, f"Cluster {said.cluster} could not be found.")
        return arrange(Writing(tx, _itself(cluster), self._settings), cluster, host.name, said)


def shown(port: Port) -> dict[str, Any]:
    return {
        "id": port.id,
        "sandbox": port.device_id,
        "name": port.name,
        "addresses": [fixed.ip_address for fixed in port.fixed_ips],
    }


def _itself(cluster: Cluster) -> Context:
    """The cluster's project: a host acts for it, and may no more than it may."""
    return Context("", "", cluster.project_id, "", frozenset({"member"}))
