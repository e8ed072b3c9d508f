"""The ports of this host that wait for pods: those of the target that nobody has plugged."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from polpo.agent.plugs import Plug, Plugs
from polpo.target.rows import Port


class Pool:
    """Knows nothing that the target and the plugs do not say, but for what was given back: a port
    that is on its way to the controller is nobody's any more.
    """

    def __init__(self, ports: Callable[[], Mapping[str, Port]], plugs: Plugs) -> None:
        self._ports, self._plugs = ports, plugs
        self._released: set[str] = set()
        self._left: dict[str, int] = {}  # port -> when a pod left it, as a number that grows
        self._last = 0

    def waiting(self, cluster: str) -> list[str]:
        """Ports for pods to come: those that have had none first, then the longest idle."""
        found = [
            port.id
            for port in self._unused()
            if port.pods_of == cluster
            and not port.made_for
            and not port.pod  # else it is in the groups of a pod that had it
        ]
        return sorted(found, key=lambda id: (self._left.get(id, 0), id))

    def made_for(self, attachment: str) -> str | None:
        """The port that an attachment has chosen, and has not got yet."""
        found = (port for port in self._unused() if port.made_for == attachment)
        return next((port.id for port in found), None)

    def release_chosen(self, cluster: str, waited_for: Collection[str]) -> None:
        """What pods chose that are gone, or gave up, is no other pod's."""
        unused = (port for port in self._unused() if port.pods_of == cluster and port.made_for)
        self.release(port.id for port in unused if port.made_for not in waited_for)

    def _unused(self) -> Iterator[Port]:
        for port in self._ports().values():
            if port.id not in self._released and self._plugs.get(port.id) is None:
                yield port

    def is_in_its_groups(self, plug: Plug) -> bool:
        """Whether the port of a pod is in the groups that the pod's policies come to."""
        port = self._ports().get(plug.port)
        whose = plug.pod.sandbox if plug.pod else ""
        return port is not None and (not port.policies or port.pod == whose)

    def taken(self, cluster: str) -> list[Plug]:
        return [plug for plug in self._plugs if plug.pod and plug.pod.cluster == cluster]

    def plug_of(self, sandbox: str, device: str) -> Plug | None:
        """The one that a pod has by this name."""
        found = (p for p in self._plugs if p.pod and p.pod.sandbox == sandbox)
        return next((plug for plug in found if plug.device == device), None)

    def left(self, port: str) -> None:
        """A pod has it no more."""
        self._last += 1
        self._left[port] = self._last

    def release(self, ports: Iterable[str]) -> None:
        """They go back to the controller, and to no pod."""
        self._released.update(ports)

    @property
    def released(self) -> set[str]:
        """What the target has still to lose."""
        here = self._ports().keys()
        self._released &= here
        self._left = {port: when for port, when in self._left.items() if port in here}
        return set(self._released)
