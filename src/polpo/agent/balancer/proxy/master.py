"""HAProxy's master process: how it is begun and found again (Management Guide, chap. 3)."""

from collections.abc import Iterable
from pathlib import Path

from polpo.agent.ownership import TRANSIT
from polpo.agent.pairs import transit
from polpo.kernel import processes
from polpo.kernel.processes import Process

PROGRAM = "haproxy"
END_S = 5.0
WELL, ILL = b"0\n", b"-254\n"
GUARD = (
    'handover=$1; said=$2; shift 2; "$@" >>"$said"; printf -- "-254\\n" > health; '
    'test -z "$handover" || nft "$handover"'
)
GONE = ("ip polpo_gone", "ip6 polpo_gone")
AGAIN = "".join(f"table {table}\ndelete table {table}\n" for table in GONE)


def command(place: Path, instance: int, alone: bool, access_log: Path) -> list[str]:
    """A shell that waits for it, in its directory. When it has ended the shell says so to
    keepalived, and has what comes for it handed to the peer: keepalived may have ended as well.
    HAProxy's standard output is the access log.
    """
    haproxy = [PROGRAM, "-W", "-db", "-f", str(place / "haproxy.cfg")]
    files = ["-p", str(place / "haproxy.pid"), "-S", f"{place / 'master.sock'},mode,600"]
    rules = "" if alone else handover(instance)
    return ["/bin/sh", "-c", GUARD, "polpo-balancer", rules, str(access_log), *haproxy, *files]


def handover(instance: int) -> str:
    """Rules by which the peer gets all TCP that comes to this instance from elsewhere."""
    return "".join(_handover(version, instance) for version in (4, 6))


def _handover(version: int, instance: int) -> str:
    family = "ip" if version == 4 else "ip6"
    peer = transit.address(version, transit.peer(instance))
    return (
        f"table {family} polpo_gone {{ chain arriving {{"
        " type filter hook prerouting priority mangle - 1; policy accept;"
        f' iifname != {{ "lo", "{TRANSIT}" }} meta l4proto tcp fib daddr type local'
        f' dup to {peer} device "{TRANSIT}" drop; }}; }}; '
    )


def find(place: Path) -> Process | None:
    """The master that runs by the configuration in `place`."""
    return processes.find(place / "haproxy.pid", str(place / "haproxy.cfg"))


def search(place: Path, among: Iterable[int]) -> Process | None:
    """The same, whatever its pid file says."""
    return processes.search(PROGRAM, str(place / "haproxy.cfg"), among)


def end_all(directory: Path) -> None:
    """End all that run here, and wait for it."""
    everybody = processes.everybody()
    found = (find(place) or search(place, everybody) for place in directory.glob("*"))
    processes.end(filter(None, found), END_S)
