"""keepalived's configuration for one instance of a load balancer. Pure. See pairs/vrrp.py.

Both instances have the load balancer's addresses on `lo`, and answer who has them, and say so, only
where keepalived has put them on the device in front: on the active one. So what is under way when
they change places can go on. They are put there for themselves, without their subnet, and IPv6 ones
as deprecated: members are spoken to from an instance's own address.
"""

from ipaddress import ip_interface
from pathlib import Path

from polpo.agent.ownership import FRONT, TRANSIT
from polpo.agent.pairs import vrrp as pairs
from polpo.agent.pairs.transit import PREFIXED
from polpo.agent.pairs.vrrp import block, election
from polpo.target.balancer import Balancer

ADVERTISEMENT_S = 0.09
"""Three of them are 0.27 s. No false alarm at 0.1 s on a machine with ten times the work
it can do, three at 0.05 (measured with keepalived 2.2.7; docs/decisions/0130)."""


def configuration(row: Balancer, health: Path, isolation: Path) -> str:
    """The whole file. ValueError if the row makes no sense.

    Both files say 0, or -254: while no HAProxy listens here; while the host is to stand down.
    """
    advertisement = election(row.instance, row.priority, row.preempt, ADVERTISEMENT_S, row.alone)
    lines = [
        *advertisement,
        *block("track_interface", [FRONT]),
        *block("track_file", ["health", "isolation"]),
        *block("virtual_ipaddress", [f"{PREFIXED[4]} dev {TRANSIT}"]),
        *block("virtual_ipaddress_excluded", [_address(vip) for vip in alone(row)]),
    ]
    return pairs.configuration("balancer", lines, {"health": health, "isolation": isolation})


def alone(row: Balancer) -> list[str]:
    """The load balancer's addresses without their subnets, as address/length."""
    return [str(x.network) for x in (ip_interface(f"{ip_interface(v).ip}") for v in row.vips)]


def _address(vip: str) -> str:
    return f"{vip} dev {FRONT}{' -nodad preferred_lft 0' if ':' in vip else ''}"
