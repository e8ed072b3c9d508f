"""The metadata service of one host: who asks gets an answer, whatever happens to the service."""

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from polpo.kernel import bpf, netns
from polpo.kernel.listening import listen
from polpo.testing.hosts import Cloud, eventually, inside, pings, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

SERVICE, SERVICE6 = "169.254.169.254", "fe80::a9fe:a9fe"
URL, URL6 = f"http://{SERVICE}", f"http://[{SERVICE6}%25eth0]"
INSTANCE = "/latest/meta-data/instance-id"
GET = "GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\n\r\n"


class Guest:
    """A workload on host a."""

    def __init__(self, cloud: Cloud, number: int, name: str) -> None:
        self.cloud, self.number, self.netns = cloud, number, name

    def curl(self, url: str, *options: str) -> tuple[str, str]:
        """Status (000 if there is none) and body."""
        words = ["curl", "-sgm", "5", "-w", "%{http_code}", *options, url]
        said = self.run(*words)
        return said[-3:], said[:-3]

    def run(self, *words: str) -> str:
        """What it prints. Meanwhile the test's loop stands still."""
        enter = ["nsenter", f"--net=/run/netns/{self.netns}"]
        return subprocess.run([*enter, *words], capture_output=True, text=True, check=False).stdout

    def knows_itself(self, url: str = URL) -> bool:
        return self.curl(url + INSTANCE) == ("200", f"vm-{self.number}")

    def connect(self, port: int = 80) -> socket.socket:
        """A connection of the guest's, which waits 5 s for anything."""
        sock = netns.inside(self.netns, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        sock.settimeout(5)
        sock.connect((SERVICE, port))
        return sock

    def says(self, text: bytes) -> bytes:
        """What is answered until the service has had enough."""
        with contextlib.closing(self.connect()) as sock:
            sock.sendall(text)
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while data := sock.recv(4096):
                    said += data
            return said


Make = Callable[[int], Awaitable[Guest]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def agent(cloud: Cloud) -> None:
    await cloud.a.started()


@pytest_asyncio.fixture(loop_scope="module")
async def guest(cloud: Cloud) -> AsyncIterator[Make]:
    made: list[str] = []

    async def make(number: int) -> Guest:
        port, name = await cloud.wired(cloud.a, number)
        made.append(port)
        return Guest(cloud, number, name)

    yield make
    for port in made:
        await cloud.a.ask(do="unplug", port=port)


def room(cloud: Cloud) -> str:
    return f"polpo-{cloud.a.netns}-metadata"


async def test_a_port_is_told_of_itself_and_of_nobody_else(cloud: Cloud, guest: Make) -> None:
    one, two = await guest(61), await guest(62)
    for who in (one, two, one):
        assert who.knows_itself()
        assert who.knows_itself(URL6)
    assert one.curl(URL + "/latest/meta-data/local-ipv4") == ("200", "10.7.0.61")
    assert one.curl(URL + "/openstack")[1].splitlines()[-1] == "latest"
    assert '"uuid":"vm-61"' in one.curl(URL + "/openstack/latest/meta_data.json")[1]


async def test_what_is_not_there_and_what_is_not_asked_so(cloud: Cloud, guest: Make) -> None:
    one = await guest(63)
    assert one.curl(URL + "/latest/meta-data/nothing")[0] == "404"
    assert one.curl(URL + "/latest/api/token", "-X", "PUT")[0] == "405"
    assert one.curl(URL + INSTANCE, "-X", "DELETE")[0] == "405"
    assert one.curl(URL + INSTANCE, "--data", "x")[0] == "405"
    assert one.curl(URL + INSTANCE, "--head") == ("200", one.curl(URL + INSTANCE, "--head")[1])


async def test_one_connection_takes_many_questions(cloud: Cloud, guest: Make) -> None:
    one = await guest(64)
    asked = [URL + INSTANCE] * 20
    said = one.run("curl", "-sm", "10", "-w", "%{num_connects}\\n", *asked)
    assert said.split() == ["vm-641", *["vm-640"] * 19]
    pipelined = one.says(GET.encode() * 3 + b"quit\r\n\r\n")
    assert pipelined.count(b"fa:16:3e:00:00:40") == 3


def is_closed(sock: socket.socket) -> bool:
    """By the other end, within an instant."""
    sock.settimeout(0.1)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


MALFORMED = {
    "nonsense": b"\x16\x03\x01\x00\xff\x01\x00\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "a header without an end": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000,
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a body without an end": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"
    + b"x" * 100000,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "nothing": b"\r\n\r\n\r\nx\r\n\r\n",
}


@pytest.mark.parametrize("malformed", MALFORMED)
async def test_malformed_questions_are_refused(cloud: Cloud, guest: Make, malformed: str) -> None:
    one = await guest(65)
    said = await asyncio.to_thread(one.says, MALFORMED[malformed])
    assert said == b"" or said.split(b" ")[1] in (b"400", b"413", b"431"), said
    assert one.knows_itself()
    assert (await cloud.a.status()).get("error") is None


async def test_who_keeps_connections_open_keeps_nobody_else_out(cloud: Cloud, guest: Make) -> None:
    one, two = await guest(66), await guest(67)
    held = []
    try:
        for _ in range(40):  # more than a port may have
            with contextlib.suppress(OSError):
                held.append(one.connect())
                held[-1].sendall(b"GET / HTTP/1.1\r\n")
        assert two.knows_itself()
        await until(lambda: sum(map(is_closed, held)) >= len(held) - 16, "the others go out")
    finally:
        for sock in held:
            sock.close()
    await until(one.knows_itself, "they are gone, and there is room again")


async def test_nothing_else_is_behind_the_address(cloud: Cloud, guest: Make) -> None:
    one = await guest(68)
    four, six = netns.inside(room(cloud), lambda: listen(8080))
    with four, six:
        assert one.curl(f"http://{SERVICE}:8080/")[0] == "000"
    assert not pings(one.netns, SERVICE)
    assert not pings(one.netns, f"{SERVICE6}%eth0")
    inside(one.netns, "ip route add 240.0.0.0/4 dev eth0")
    assert one.curl("http://240.0.0.1/")[0] == "000"
    assert one.curl(f"http://{cloud.a.address}/")[0] == "000"
    (md,) = sh(f"ip -n {cloud.a.netns} -o link show polpo-md").splitlines()
    assert "UP" in md
    assert not sh(f"ip -n {cloud.a.netns} -o addr show polpo-md"), "the host has no address there"


async def test_an_agent_that_is_killed_goes_on_where_it_was(cloud: Cloud, guest: Make) -> None:
    one = await guest(69)
    assert one.knows_itself()
    before = netns.identity(room(cloud))
    await cloud.a.kill()
    assert one.curl(URL + INSTANCE)[0] == "000"
    cloud.controller.refuse = 503
    try:
        await cloud.a.started()
        await until(one.knows_itself, "an answer, though there is no controller")
        assert netns.identity(room(cloud)) == before
        await until(lambda: one.knows_itself(URL6))
    finally:
        cloud.controller.refuse = 0


Damage = Callable[[str, str], object]  # host's namespace, the service's
SABOTAGES: dict[str, Damage] = {
    "namespace deleted": lambda h, r: sh(f"ip netns del {r}"),
    "link deleted": lambda h, r: inside(h, "ip link del polpo-md"),
    "inner link deleted": lambda h, r: inside(r, "ip link del metadata0"),
    "link down": lambda h, r: inside(h, "ip link set polpo-md down"),
    "inner link down": lambda h, r: inside(r, "ip link set metadata0 down"),
    "filter gone": lambda h, r: inside(h, "tc qdisc del dev polpo-md clsact"),
    "addresses gone": lambda h, r: inside(r, "ip addr flush dev metadata0"),
    "route gone": lambda h, r: inside(r, "ip route del 240.0.0.0/4"),
    "asks for MACs": lambda h, r: inside(r, "ip link set metadata0 arp on"),
    "settings changed": lambda h, r: inside(r, "sysctl -qw net.ipv4.ip_forward=1"),
}


@pytest.mark.parametrize("sabotage", SABOTAGES)
async def test_sabotage_is_repaired_and_counted(cloud: Cloud, guest: Make, sabotage: str) -> None:
    one = await guest(70)
    assert one.knows_itself()
    before = sum((await cloud.a.status()).get("drift", {}).values())
    SABOTAGES[sabotage](cloud.a.netns, room(cloud))

    async def repaired() -> bool:
        status = await cloud.a.status()
        return sum(status.get("drift", {}).values()) > before and status.get("error") is None

    await eventually(repaired, f"{sabotage}: repaired")
    await until(lambda: one.knows_itself() and one.knows_itself(URL6))
    assert inside(room(cloud), "sysctl -n net.ipv4.ip_forward").strip() == "0"


async def test_what_was_asked_is_counted(cloud: Cloud, guest: Make) -> None:
    one = await guest(71)

    async def counted(status: int) -> float:
        text = (await cloud.a.ask(do="metrics"))["text"]
        name = f'polpo_agent_answers_total{{outcome="{status}",service="metadata"}}'
        return sum(float(x.rsplit(" ", 1)[1]) for x in text.splitlines() if x.startswith(name))

    good, bad = await counted(200), await counted(404)
    assert one.knows_itself()
    one.curl(URL + "/nothing")
    assert (await counted(200), await counted(404)) == (good + 1, bad + 1)
    callers = bpf.load(cloud.a.runtime / "bpf", programs=()).tables["callers"]
    assert callers.read()
