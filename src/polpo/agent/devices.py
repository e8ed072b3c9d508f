"""The devices of the host's own namespace, as last read: what most reconcilers begin with."""

from polpo.agent.ownership import host_end
from polpo.agent.plugs import Plug
from polpo.kernel.events import Changes
from polpo.kernel.links import Link, dump_links, get_link, parse_link
from polpo.kernel.netlink import Netlink
from polpo.kernel.visits import Visits
from polpo.runtime.clock import monotonic

OLD_S = 1.0


class Devices:
    """Decodes only what the kernel says otherwise than last time. `visits`: of those in the
    namespaces of network functions.
    """

    def __init__(self, netlink: Netlink) -> None:
        self.netlink, self.visits = netlink, Visits()
        self._decoded: dict[bytes, Link] = {}
        self._events, self._read_at = Changes(), -OLD_S
        self._by_name: dict[str, Link] = {}

    def read(self) -> dict[str, Link]:
        """Name -> device. The kernel is asked where it has said that something is different, and
        now and then.
        """
        now = monotonic()
        if not self._events.any() and now - self._read_at < OLD_S:
            return self._by_name
        raw, self._read_at = dump_links(self.netlink), now
        known = self._decoded
        self._decoded = {one: known.get(one) or parse_link(one) for one in raw}
        self._by_name = {link.name: link for link in self._decoded.values()}
        return self._by_name

    @property
    def known(self) -> dict[str, Link]:
        """As read last: nobody asks the kernel again within a step."""
        return self._by_name

    def one(self, name: str) -> Link:
        """One that has just been made: of a full host it would take long to read all."""
        link = self._by_name[name] = get_link(self.netlink, name)
        return link

    def look_at(self, name: str) -> Link | None:
        """One as it is now; None if it is not there."""
        try:
            return self.one(name)
        except OSError:
            self._by_name.pop(name, None)
            return None

    def index(self, name: str) -> int:
        """By what was read last. FileNotFoundError if there is no such device."""
        if name not in self._by_name:
            raise FileNotFoundError(2, f"no device {name}")
        return self._by_name[name].index


def is_elsewhere(plug: Plug) -> bool:
    """Whether its other end is in another namespace: what BPF can reach without our stack."""
    return plug.kind == "netns" and not plug.here


def device_of(plug: Plug) -> str:
    """The plug's device in the host's namespace."""
    return plug.device if plug.kind == "tap" else host_end(plug.port)
