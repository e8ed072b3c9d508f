"""What programs' own resolvers make of answers: glibc's and musl's, with a pod's resolv.conf."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.kernel import netns
from polpo.testing.dns import STARTED
from polpo.testing.hosts import inside
from polpo.testing.waiting import until

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
SPACE = "ptd-stubs"
COREFILE = """
cluster.local {
    file FOLDER/db.cluster
    cache 30
}
. {
    log
    file FOLDER/db.root
}
"""
ZONE = """$ORIGIN default.svc.cluster.local.
cluster.local. 30 IN SOA ns.cluster.local. admin.cluster.local. 1 7200 1800 86400 30
web 30 IN A 10.254.0.80
web 30 IN AAAA fd00::80
four 30 IN A 10.254.0.4
alias 30 IN CNAME web
"""
ROOT = """. 30 IN SOA ns. admin. 1 7200 1800 86400 30
www.example.com. 30 IN A 192.0.2.80
www.example.com. 30 IN AAAA 2001:db8::80
"""
MANY = [f"10.1.0.{number}" for number in range(1, 101)]
RESOLV_CONF = """search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 127.0.0.1
options ndots:5 timeout:5 attempts:1 {options}
"""
PROGRAM = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int count, char **words) {
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found;
    int failed = getaddrinfo(words[1], "80", &wanted, &found);
    if (failed) {
        puts(failed == EAI_NONAME ? "no such name" : gai_strerror(failed));
        return 0;
    }
    for (; found; found = found->ai_next) {
        char text[64];
        void *address = found->ai_family == AF_INET
            ? (void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
            : (void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
        puts(inet_ntop(found->ai_family, address, text, sizeof text));
    }
}
"""
BOTH = {"10.254.0.80", "fd00::80"}
NAMES = {
    "web": BOTH,
    "web.default": BOTH,
    "web.default.svc.cluster.local": BOTH,
    "alias": BOTH,
    "WeB": BOTH,
    "four": {"10.254.0.4"},
    "www.example.com": {"192.0.2.80", "2001:db8::80"},
    "missing": {"no such name"},
    "missing.default.svc.cluster.local.": {"no such name"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's files, and the same program with either library."""
    made = tmp_path_factory.mktemp("stubs")
    many = "".join(f"many 30 IN A {address}\n" for address in MANY)
    (made / "db.cluster").write_text(ZONE + many)
    (made / "db.root").write_text(ROOT)
    (made / "Corefile").write_text(COREFILE.replace("FOLDER", str(made)))
    (made / "stub.c").write_text(PROGRAM)
    for compiler, name in (("cc", "glibc"), ("musl-gcc", "musl")):
        command = [compiler, "-o", str(made / name), str(made / "stub.c")]
        subprocess.run(command, check=True)
    return made


@pytest.fixture(scope="module")
def log(folder: Path) -> Iterator[Path]:
    """Of a server that runs."""
    made = folder / "log"
    netns.create(SPACE)
    inside(SPACE, "ip link set lo up")
    words = [sys.executable, "-m", "polpo.apps.dns", "-workers", "1", "-conf"]
    command = ["ip", "netns", "exec", SPACE, *words, str(folder / "Corefile")]
    with made.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    while STARTED not in made.read_text():
        assert server.poll() is None, made.read_text()
        time.sleep(0.02)
    yield made
    server.terminate()
    server.wait(30)
    netns.delete(SPACE)


def resolved(folder: Path, stub: str, options: str, *names: str) -> list[set[str]]:
    """What the stub says to each name. `ip netns exec` has mounts of its own: resolv.conf is
    another in them only."""
    conf = folder / "resolv.conf"
    conf.write_text(RESOLV_CONF.format(options=options))
    script = f"mount --bind {conf} /etc/resolv.conf\n"
    script += "".join(f"{folder / stub} {name}; echo\n" for name in names)
    command = ["ip", "netns", "exec", SPACE, "sh", "-ec", script]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [set(part.split("\n")) - {""} for part in said.split("\n\n")[: len(names)]]


@pytest.mark.parametrize(
    ("stub", "options"),
    [
        ("glibc", ""),
        ("glibc", "edns0 trust-ad"),
        ("glibc", "single-request"),
        ("glibc", "single-request-reopen"),
        ("glibc", "use-vc"),
        ("musl", ""),
    ],
)
def test_names_are_found_by_the_search_list_or_denied(
    folder: Path, log: Path, stub: str, options: str
) -> None:
    twice = [*NAMES, *NAMES]  # worked for, and from the table
    found = resolved(folder, stub, options, *twice)
    assert dict(zip(twice, found, strict=True)) == NAMES
    assert found[: len(NAMES)] == found[len(NAMES) :]


def test_glibc_asks_by_tcp_for_what_is_too_long_and_musl_takes_what_there_is(
    folder: Path, log: Path
) -> None:
    (glibc,) = resolved(folder, "glibc", "", "many")
    assert glibc == set(MANY)
    (musl,) = resolved(folder, "musl", "", "many")
    assert musl
    assert musl <= set(MANY)


@pytest.mark.parametrize("stub", ["glibc", "musl"])
def test_both_families_are_asked_for_at_once_from_one_socket(
    folder: Path, log: Path, stub: str
) -> None:
    before = len(log.read_text())
    assert resolved(folder, stub, "", "www.example.com") == [NAMES["www.example.com"]]
    line = re.compile(r"\[INFO\] 127\.0\.0\.1:(\d+) - \d+ \"(A|AAAA) IN www\.example\.com\. udp")
    until(lambda: len(line.findall(log.read_text()[before:])) >= 2, "both are written down")
    asked = line.findall(log.read_text()[before:])
    assert sorted(type for _, type in asked) == ["A", "AAAA"]
    assert len({port for port, _ in asked}) == 1
