"""Reconciler of the gateways' namespaces and their settings: made before anything is in them.

`default` is what each device begins with. They are removed as any plug's namespace is.
"""

from collections.abc import Mapping

from polpo.agent.gateway.instances import Instance
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns
from polpo.target.changes import Changes

SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv6/conf/default/forwarding": "1",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/accept_redirects": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/addr_gen_mode": "1",  # a standby has no address outside, not even its own
    "netfilter/nf_conntrack_tcp_be_liberal": "1",  # of connections that come back after a failover
} | {
    f"ipv4/conf/{which}/{name}": value
    for which in ("all", "default")
    for name, value in (
        ("rp_filter", "0"),  # the rules look at it, for both families: `arriving`
        ("send_redirects", "0"),
        ("accept_redirects", "0"),
        ("accept_source_route", "0"),
        ("arp_ignore", "1"),  # the transit network's addresses are not for the outside
        ("arp_announce", "2"),
    )
}
Settings = dict[str, str]


class Namespaces:
    noun = "namespace"

    def __init__(self, instances: Mapping[int, Instance]) -> None:
        self._instances = instances

    def wanted(self) -> dict[int, Settings]:
        return dict.fromkeys(self._instances, SETTINGS)

    def read_actual(self) -> dict[int, Settings]:
        names = {vni: instance.netns for vni, instance in self._instances.items()}
        return {
            vni: netns.inside(name, lambda: netns.read_sysctls(SETTINGS))
            for vni, name in names.items()
            if netns.identity(name) is not None
        }

    def apply(self, changes: Changes[int, Settings]) -> Failures[int]:
        return one_by_one(changes, self._put, lambda vni: None)  # see World.tidy

    def _put(self, vni: int, settings: Settings) -> None:
        name = self._instances[vni].netns
        netns.create(name)
        netns.inside(name, lambda: netns.write_sysctls(settings))
