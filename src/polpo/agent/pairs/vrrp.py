"""What keepalived's configuration says of any pair (keepalived.conf(5); VRRP 3: RFC 9568). Pure.

Advertisements go from instance to instance by unicast in their transit network. Whoever is active
has that network's .2.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from polpo.agent.ownership import TRANSIT
from polpo.agent.pairs import transit

AGAIN_S = 1  # addresses are announced once at once, once after this,
REFRESH_S = 30  # and every so often, for those who heard neither

# First in turn, so that a busy host is not taken for a dead one; but not in real time, where it is
# killed after 10 ms without a pause (1,000 addresses take 100), and keepalived 2.2.7 can't raise
# that limit again after a reload ("cannot set realtime rlimit").
GLOBAL = """global_defs {
  vrrp_version 3
  vrrp_priority -20
  vrrp_no_swap
  dynamic_interfaces allow_if_changes
  script_user root
  enable_script_security
}
"""


def configuration(name: str, lines: Iterable[str], files: Mapping[str, Path]) -> str:
    """The whole file. `files`: what is tracked; each says 0, or -254 for a fault."""
    body = "\n".join(f"  {line}" for line in lines)
    watched = "\n".join(
        line
        for file, path in files.items()
        for line in block(f"track_file {file}", [f'file "{path}"', "weight 1"])
    )
    return f"{GLOBAL}{watched}\nvrrp_instance {name} {{\n{body}\n}}\n"


def election(
    instance: int, priority: int, preempt: bool, advertisement_s: float, alone: bool = False
) -> Iterator[str]:
    """Silence of three advertisements and a bit is death; whoever is active stays it. One that is
    `alone` speaks to the group, where nobody is: keepalived wants no unicast without a peer.
    """
    yield "state BACKUP"
    if not preempt:
        yield "nopreempt"
    yield f"interface {TRANSIT}"
    yield "virtual_router_id 1"
    yield f"priority {_rank(priority)}"
    yield f"advert_int {advertisement_s}"
    yield f"garp_master_delay {AGAIN_S}"
    yield "garp_master_repeat 1"
    yield f"garp_master_refresh {REFRESH_S}"
    yield "garp_master_refresh_repeat 1"
    if not alone:
        yield f"unicast_src_ip {transit.address(4, instance)}"
        yield from block("unicast_peer", [transit.address(4, transit.peer(instance))])


def _rank(priority: int) -> int:
    """Close to the top, where a standby waits for nothing once the active one has said that it goes
    (RFC 9568, 6.1: Skew_Time), and in the same order for those that placement gives.
    """
    return 249 + priority // 50


def block(name: str, lines: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]
