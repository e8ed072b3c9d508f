"""`polpo dns`: the DNS server. Its options are CoreDNS's, with one dash or two."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

from polpo.dns.corefile.block import CorefileError
from polpo.dns.plugin import ORDER
from polpo.dns.plugins.nodecache.node import Wanted
from polpo.dns.plugins.nodecache.setup import INTERFACE
from polpo.dns.server.control import Control, Options
from polpo.dns.server.generation import Identity
from polpo.dns.server.nursery import Nursery
from polpo.dns.server.processes import Launcher

MOST_WORKERS = 4  # without -workers
THINKING = 5  # control is nicer than those who answer: on the same CPU, they need not wait for it


def main(words: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    options = arguments().parse_args(words)
    if options.version:
        print(f"polpo-{version('polpo')}")
        return 0
    if options.plugins:
        print("\n".join(["Other plugins:", *(f"  dns.{name}" for name in sorted(ORDER))]))
        return 0
    try:
        identity = _identity(options.user)
        given = Options(
            options.conf,
            options.port,
            options.workers,
            identity,
            version("polpo"),
            _node(options),
        )
        launcher = Launcher(Nursery())
        os.nice(THINKING)
        with _pid_file(options.pidfile):
            asyncio.run(Control(given, launcher).run())
    except (CorefileError, OSError, TimeoutError, ValueError) as failed:
        print(f"polpo: {failed}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="polpo dns", description=__doc__, allow_abbrev=False)

    def option(name: str, **settings: object) -> None:
        parser.add_argument(f"-{name}", f"--{name}", **settings)  # type: ignore[arg-type]

    option("conf", type=Path, default=Path("Corefile"), help="the Corefile (default: Corefile)")
    option("dns.port", dest="port", type=_port, default=53, help="port of zones without one")
    option("p", dest="port", type=_port, default=53, help="the same")
    option("pidfile", type=Path, help="write the process' number there")
    option("plugins", action="store_true", help="list the plugins")
    option("version", action="store_true", help="show the version")
    option("quiet", action="store_true", help="accepted, as CoreDNS has it")
    option(
        "workers",
        type=_workers,
        default=min(len(os.sched_getaffinity(0)), MOST_WORKERS),
        help="processes that answer (default: one a CPU, at most 4)",
    )
    option("localip", default="", help="addresses of the node's own DNS, with commas between")
    option("interfacename", default=INTERFACE, help="the device that has them")
    option("skipteardown", action="store_true", help="leave the device there at the end")
    option("setupiptables", default="true", help="false: leave connection tracking alone")
    option("user", default="nobody", help="whom workers become when root starts them")
    return parser


def _node(options: argparse.Namespace) -> dict[str, Wanted]:
    """What `node-cache` would make of its options. ValueError if an address is none."""
    if not options.localip:
        return {}
    addresses = frozenset(str(ip_address(word)) for word in options.localip.split(","))
    tracked = options.setupiptables.lower() == "false"
    ports = frozenset((options.port,))
    return {options.interfacename: Wanted(addresses, ports, options.skipteardown, tracked)}


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to 256")
    return int(text)


def _identity(user: str) -> Identity:
    """Whom workers become: only root can make them somebody else, and not in a container that has
    dropped the capabilities for it, as CoreDNS's usual one (it has none that matter then)."""
    if os.geteuid() != 0 or not _may_change_identity():
        return Identity()
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise ValueError(f"there is no user {user}") from None
    return Identity(found.pw_uid, found.pw_gid)


def _may_change_identity() -> bool:
    """CAP_SETGID and CAP_SETUID, bits 6 and 7 (capabilities(7))."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    return effective & 0xC0 == 0xC0


@contextlib.contextmanager
def _pid_file(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
