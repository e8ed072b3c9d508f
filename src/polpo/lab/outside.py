"""The world outside: a namespace with a switch that cables lead to from some of the hosts.

It is joined with the hosts' own network as a site's router would: what comes from gateways goes on
to the underlay under an address of its own there, so that pods reach the Kubernetes API.
"""

from collections.abc import Iterable
from pathlib import Path

from polpo.lab.command import inside as within
from polpo.lab.command import run
from polpo.lab.layout import UNDERLAY6, Lab, LabHost

PHYSICAL_NETWORK, DEVICE = "physnet1", "eth1"
SUBNETS = {"203.0.113.0/24": "203.0.113.1", "2001:db8::/64": "2001:db8::1"}
"""Set aside for documentation (RFC 5737, 3849). The world has one address in each."""
TO_UNDERLAY = "to-underlay"
NAT = f"""table inet world {{
  chain out {{ type nat hook postrouting priority srcnat; oifname "{TO_UNDERLAY}" masquerade; }}
}}
"""


def raise_outside(lab: Lab) -> None:
    """Idempotent: what is there stays as it is."""
    inside = ("ip", "-netns", lab.outside)
    if not Path("/run/netns", lab.outside).exists():
        run("ip", "netns", "add", lab.outside)
        run(*inside, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        for subnet, address in SUBNETS.items():
            own = f"{address}/{subnet.partition('/')[2]}"
            run(*inside, "address", "add", own, "dev", "switch", "nodad")
        run(*inside, "link", "set", "switch", "up")
        run(*inside, "link", "set", "lo", "up")
    there = run(*inside, "link", "show")
    if TO_UNDERLAY not in there:
        _join(lab)
    for host in lab.hosts:
        if host.name in lab.uplinks and _cable(host) not in there:
            _connect(lab, host)


def way(lab: Lab, address: str) -> tuple[str, ...]:
    """The command by which a host of the underlay sends to an address of the cloud outside."""
    return ("ip", "route", "replace", f"{address}/32", "via", f"{lab.subnet}.254")


def _join(lab: Lab) -> None:
    inside = ("ip", "-netns", lab.outside)
    end = f"{lab.bridge}-out"[-15:]
    peer = ("peer", "name", TO_UNDERLAY, "netns", lab.outside)
    run("ip", "link", "add", end, "type", "veth", *peer)
    run("ip", "link", "set", end, "master", lab.bridge, "up")
    run(*inside, "address", "add", f"{lab.subnet}.254/24", "dev", TO_UNDERLAY)
    run(*inside, "address", "add", f"{UNDERLAY6}254/64", "dev", TO_UNDERLAY, "nodad")
    run(*inside, "link", "set", TO_UNDERLAY, "up")
    forward = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    run(*within(lab.outside, "sysctl", "-q", "-w", *forward))
    run(*within(lab.outside, "nft", "-f", "-"), stdin=NAT)


def _connect(lab: Lab, host: LabHost) -> None:
    inside = ("ip", "-netns", lab.outside)
    peer = ("peer", "name", DEVICE, "netns", host.netns)
    run(*inside, "link", "add", _cable(host), "type", "veth", *peer)
    run(*inside, "link", "set", _cable(host), "master", "switch", "up")
    run("ip", "-netns", host.netns, "link", "set", DEVICE, "up")


def pull(lab: Lab, host: LabHost, *, out: bool) -> None:
    """The host's cable: out, or in again."""
    if host.name in lab.uplinks:
        state = "down" if out else "up"
        run("ip", "-netns", lab.outside, "link", "set", _cable(host), state)


def route(lab: Lab, prefixes: Iterable[str], router: str) -> None:
    """The world knows that these are behind the router's address."""
    for prefix in prefixes:
        run("ip", "-netns", lab.outside, "route", "replace", prefix, "via", router)


def _cable(host: LabHost) -> str:
    return f"to-{host.name}"
