"""Real packets, sent as a user would send them: curl and ping inside a workload's namespace."""

import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from polpo.lab import datagrams
from polpo.lab.command import attempt, inside

TTL = 64  # of a packet when it is sent
SOON_S = 30.0


class Got(msgspec.Struct, frozen=True):
    """What an HTTP request came to: `text` None when nothing answered within `took_ms`."""

    text: str | None
    took_ms: float


def get(netns: str, address: str, port: int = 80, patience_s: float = 3, path: str = "/") -> Got:
    """GET http://address:port/ from the namespace."""
    host = f"[{address}]" if ":" in address else address
    words = (
        *("curl", "--silent", "--globoff", "--noproxy", "*", "--max-time", str(patience_s)),
        *("--write-out", "\n%{time_total}", f"http://{host}:{port}{path}"),
    )
    code, said = attempt(*inside(netns, *words))
    text, _, seconds = said.rstrip().rpartition("\n")
    return Got(text.strip() if code == 0 else None, float(seconds or 0) * 1000)


def soon(netns: str, address: str, port: int = 80, path: str = "/") -> Got:
    """The first answer: what has just been made may take its time on a busy machine."""
    end = time.monotonic() + SOON_S
    while True:
        got = get(netns, address, port, path=path)
        if got.text is not None or time.monotonic() > end:
            return got
        time.sleep(0.05)


def get_secure(netns: str, address: str) -> Got:
    """GET https://address/, over HTTP/2 if that is spoken there; `text` ends with its version."""
    words = (
        *("curl", "--silent", "--insecure", "--noproxy", "*", "--max-time", "3"),
        *("--write-out", "HTTP/%{http_version}\n%{time_total}", f"https://{address}/"),
    )
    code, said = attempt(*inside(netns, *words))
    text, _, seconds = said.rstrip().rpartition("\n")
    return Got(text.replace("\n", ", ") if code == 0 else None, float(seconds or 0) * 1000)


def ask_by_datagrams(netns: str, address: str, port: int, count: int) -> list[str]:
    """What was answered to one datagram from each of so many ports; then what went wrong."""
    words = (sys.executable, str(Path(datagrams.__file__)), address, str(port), str(count))
    _, said = attempt(*inside(netns, *words))
    return said.splitlines() or ["nothing"]


class Pinged(msgspec.Struct, frozen=True):
    """`average_ms` is 0 when nothing came back; `routers` is how many the answers came through."""

    sent: int
    received: int
    average_ms: float
    routers: int = 0

    @property
    def lost(self) -> int:
        return self.sent - self.received


def ping(netns: str, address: str, count: int = 20, interval_s: float = 0.01) -> Pinged:
    """ICMP echo from the namespace."""
    return finish(start_ping(netns, address, count, interval_s))


def start_ping(netns: str, address: str, count: int, interval_s: float) -> subprocess.Popen[str]:
    """A ping that goes on while something else is done; `finish` waits for it."""
    words = ("ping", "-n", "-W", "1", "-c", str(count), "-i", str(interval_s), address)
    return subprocess.Popen(
        inside(netns, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(pinging: subprocess.Popen[str]) -> Pinged:
    said, _ = pinging.communicate(timeout=120)
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", said)
    average = re.search(r"= [\d.]+/([\d.]+)/", said)
    left = re.search(r"ttl=(\d+)", said)
    if counts is None:
        raise RuntimeError(f"ping said: {said.strip()}")
    average_ms = float(average[1]) if average else 0.0
    routers = TTL - int(left[1]) if left else 0
    return Pinged(int(counts[1]), int(counts[2]), average_ms, routers)


def answers(netns: str, port: int) -> bool:
    """Something listens in the namespace (asked on its loopback)."""
    return get(netns, "127.0.0.1", port, patience_s=1).text is not None


def exists(netns: str) -> bool:
    return Path("/run/netns", netns).exists()
