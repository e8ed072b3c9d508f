"""What an agent says back: the revision it has reached and what it saw. Said again and again.

`POST /v1/hosts/{host}/status`, at every change and every few seconds besides, so that a lost
report costs seconds, never the truth (the acknowledgement is level-triggered, like the rest).
"""

import msgspec

from polpo.target.balancer import Balancing, Flow
from polpo.target.denial import Denial


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """One host's report. It replaces the host's earlier one.

    revision  the last revision whose target is wholly in the kernel
    ports     ids of the ports that are plugged here and carry traffic
    drift     things found changed under the agent and repaired since it started, by kind
    drops     packets dropped since the tables were made, by reason
    rows      entries per table of the switch
    moved     addresses of allowed pairs as the switch learned them: (vni, address) -> port id
    active    numbers of the routers and load balancers whose instance here is the active one
    ready     numbers of those whose instance here is whole: active, or able to be at any time
    looked    revision of the target that the host has looked at its instances with, for these two
    balancing  its instances of load balancers, by number
    served    what the switch has carried here of load balancers, by listener's id
    uplinks   physical network -> device that leads there: those whose device is up and has carrier
    sighted   where packets that are followed were seen: (probe, place); a place is `sent`, `out` or
              `in` (of the tunnel), `to/<port>`, `left/<router's number>` or `dropped/<reason>`: for
              this a packet was dropped since the probe was armed, though maybe another one
    denied    a sample of what ports of the host were not to send, or to receive, of late
    heard     addresses of hosts that answered an echo of late (asked by hosts with uplinks)
    error     what kept the agent from reaching the target, None if nothing does
    refused   why the agent is told of no newer target, None if it is
    """

    revision: int
    ports: tuple[str, ...] = ()
    drift: dict[str, int] = {}
    drops: dict[str, int] = {}
    rows: dict[str, int] = {}
    moved: tuple[tuple[int, str, str], ...] = ()
    active: tuple[int, ...] = ()
    ready: tuple[int, ...] = ()
    looked: int = 0
    balancing: dict[int, Balancing] = {}
    served: dict[str, Flow] = {}
    uplinks: dict[str, str] = {}
    sighted: tuple[tuple[str, str], ...] = ()
    denied: tuple[Denial, ...] = ()
    heard: tuple[str, ...] = ()
    error: str | None = None
    refused: str | None = None
    version: str = ""
    started_at: str = ""
    loop_ms: float = 0.0
