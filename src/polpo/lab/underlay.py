"""The hosts' namespaces and the bridge that joins them. Only what is missing is made."""

import json
from pathlib import Path

from polpo.lab.command import run
from polpo.lab.layout import Lab, LabHost

MTU = 1500


def raise_underlay(lab: Lab) -> None:
    """Idempotent: what is there stays as it is."""
    if lab.bridge not in _links():
        run("ip", "link", "add", lab.bridge, "mtu", str(MTU), "type", "bridge")
        run("ip", "address", "add", f"{lab.address}/24", "dev", lab.bridge)
        run("ip", "link", "set", lab.bridge, "up")
    for host in lab.hosts:
        if _end(host) not in _links():
            _add_host(lab, host)


def pull(lab: Lab, host: LabHost, *, out: bool) -> None:
    """The host's cable: out, or in again."""
    run("ip", "link", "set", _end(host), "down" if out else "up")


def remove_underlay(lab: Lab) -> None:
    """Cables first: a namespace's own devices go some time after its name."""
    for host in lab.hosts:
        if _end(host) in _links():
            run("ip", "link", "delete", _end(host))
        if Path("/run/netns", host.netns).exists():
            run("ip", "netns", "delete", host.netns)
    if lab.bridge in _links():
        run("ip", "link", "delete", lab.bridge)


def _add_host(lab: Lab, host: LabHost) -> None:
    """A namespace with `eth0` on the bridge; the bridge's end is named after the host."""
    if not Path("/run/netns", host.netns).exists():
        run("ip", "netns", "add", host.netns)
    run(
        *("ip", "link", "add", _end(host), "mtu", str(MTU), "type", "veth"),
        *("peer", "name", "eth0", "mtu", str(MTU), "netns", host.netns),
    )
    run("ip", "link", "set", _end(host), "master", lab.bridge, "up")
    inside = ("ip", "-netns", host.netns)
    run(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
    run(*inside, "address", "add", f"{host.address6}/64", "dev", "eth0", "nodad")
    run(*inside, "link", "set", "eth0", "up")
    run(*inside, "link", "set", "lo", "up")


def _end(host: LabHost) -> str:
    return host.netns[-15:]


def _links() -> set[str]:
    return {link["ifname"] for link in json.loads(run("ip", "-json", "link", "show"))}
