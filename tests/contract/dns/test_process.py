"""`polpo dns` as its users run it: processes, sockets, signals."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polpo.dns.wire.message import read_message
from polpo.dns.wire.name import cased_from_text, from_text
from polpo.dns.wire.record import Rcode
from polpo.dns.wire.render import render_query
from polpo.lab.kubernetes.certificates import self_signed
from polpo.testing.dns import STARTED, Client, DnsProcess
from polpo.testing.resolver import shown

HOSTS = """.:PORT {
    bind 127.0.0.1
    errors
    health :HTTP
    ready :HTTP
    prometheus :HTTP
    hosts /nonexistent {
        ADDRESS a.test
        ttl 60
    }
    reload 2s 1s
}
"""
Start = Callable[..., DnsProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[DnsProcess] = []

    def start_one(corefile: str, *options: str, wait: bool = True) -> DnsProcess:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(DnsProcess(folder, corefile, *options))
        if wait:
            running[-1].wait_for(STARTED)
        return running[-1]

    yield start_one
    for process in running:
        process.stop()


def hosts(address: str) -> str:
    return HOSTS.replace("ADDRESS", address)


class Asking:
    """Asks all the while, one question after the other; `lost` are those without an answer."""

    def __init__(self, process: DnsProcess, tcp: bool = False) -> None:
        self._process = process
        self._tcp = tcp
        self._stop = threading.Event()
        self.lost = 0
        self.answers: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._process.client() as client:
            client.socket.settimeout(5)
            while not self._stop.is_set():
                try:
                    found = shown(client.ask("a.test").answer)
                    self.answers.append(found[0].split()[-1])
                except OSError:
                    self.lost += 1

    def wait_for(self, address: str) -> None:
        while not self.answers or self.answers[-1] != address:
            time.sleep(0.01)

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


def test_it_answers_by_udp_and_tcp_and_shows_pages(start: Start) -> None:
    dns = start(hosts("10.0.0.1"), "-workers", "2")
    for tcp in (False, True):
        assert shown(dns.ask("A.test", tcp=tcp).answer) == ["a.test. 60 A 10.0.0.1"]
    assert dns.get("/health") == (200, "OK")
    assert dns.get("/ready") == (200, "OK")
    status, metrics = dns.get("/metrics")
    assert status == 200
    wanted = (
        f'coredns_dns_requests_total{{server="dns://127.0.0.1:{dns.port}",zone=".",view="",'
        'proto="udp",family="1",type="A"} 1'
    )
    assert wanted in metrics
    assert 'rcode="NOERROR",plugin="hosts"} 2' in metrics
    assert "process_resident_memory_bytes" in metrics


PROMTOOL = Path(__file__).parents[3] / "tools/promtool"


def test_promtool_likes_the_metrics(start: Start) -> None:
    found = subprocess.run([PROMTOOL], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"promtool can't be had: {found.stderr}")
    dns = start(hosts("10.0.0.1").replace("errors", "errors\n cache\n forward . 127.0.0.1:1"))
    dns.ask("a.test")
    metrics = dns.get("/metrics")[1]
    command = [found.stdout.strip(), "check", "metrics"]
    done = subprocess.run(command, input=metrics, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_dig_and_kdig_understand_it(start: Start) -> None:
    dns = start(hosts("10.0.0.1"))
    for command in (
        ["dig", "+short"],
        ["dig", "+short", "+tcp"],
        ["kdig", "+short", "+bufsize=4096"],
    ):
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
        words = [*command, "-p", str(dns.port), "@127.0.0.1", "a.test"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "10.0.0.1", done


def test_both_families_may_be_asked_at_once_from_one_socket(start: Start) -> None:
    """As glibc and musl do: the answers are told apart by their IDs."""
    dns = start(hosts("10.0.0.1"))
    with dns.client() as client:
        for number, type in ((1, 1), (2, 28)):
            client.send(render_query(number, from_text("a.test"), type))
        found = sorted(read_message(client.receive()) for _ in range(2))
    assert [(m.id, m.type, len(m.answer)) for m in found] == [(1, 1, 1), (2, 28, 0)]


def test_a_reload_under_load_loses_no_query(start: Start) -> None:
    dns = start(hosts("10.0.0.1"), "-workers", "2")
    asking = [Asking(dns) for _ in range(3)]
    for number in range(2, 5):
        asking[0].wait_for(f"10.0.0.{number - 1}")
        dns.write(hosts(f"10.0.0.{number}"))
        dns.process.send_signal(signal.SIGUSR1)
        asking[0].wait_for(f"10.0.0.{number}")
    for one in asking:
        one.end()
    assert [one.lost for one in asking] == [0, 0, 0]
    assert "coredns_reload_failed_total 0" in dns.get("/metrics")[1]


def test_a_file_that_has_changed_is_taken_and_a_wrong_one_is_not(start: Start) -> None:
    dns = start(hosts("10.0.0.1"))
    dns.write(hosts("10.0.0.2"))
    dns.wait_for(STARTED, 2)
    assert shown(dns.ask("a.test").answer) == ["a.test. 60 A 10.0.0.2"]
    dns.write(hosts("10.0.0.3").replace("errors", "errros"))
    dns.wait_for("no directive errros (did you mean errors?)")
    assert shown(dns.ask("a.test").answer) == ["a.test. 60 A 10.0.0.2"]
    assert dns.get("/health") == (200, "OK")
    assert "coredns_reload_failed_total 1" in dns.get("/metrics")[1]


def test_workers_answer_when_control_is_killed_until_another_one_comes(start: Start) -> None:
    dns = start(hosts("10.0.0.1"), "-workers", "1")
    asking = Asking(dns)
    asking.wait_for("10.0.0.1")
    (orphan,) = dns.kill_control()
    for _ in range(50):
        assert dns.ask("a.test").answer
    again = start(hosts("10.0.0.2").replace("PORT", str(dns.port)))
    while Path(f"/proc/{orphan}").exists():
        time.sleep(0.05)
    asking.wait_for("10.0.0.2")
    asking.end()
    assert asking.lost == 0
    assert again.process.poll() is None


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    dns = start(hosts("10.0.0.1"), "-workers", "1")
    asking = Asking(dns)
    asking.wait_for("10.0.0.1")
    (worker,) = dns.workers()
    os.kill(worker, signal.SIGKILL)
    dns.wait_for(f"worker {worker} has died")
    count = len(asking.answers)
    while len(asking.answers) < count + 10:
        time.sleep(0.05)
    asking.end()
    assert asking.lost <= 1  # what it had read and not answered yet


def test_queries_are_answered_in_lameduck(start: Start) -> None:
    dns = start(hosts("10.0.0.1").replace("health :HTTP", "health :HTTP {\n lameduck 1m\n }"))
    dns.process.send_signal(signal.SIGTERM)
    while dns.get("/ready")[0] == 200:
        time.sleep(0.02)
    assert dns.ask("a.test").answer
    assert dns.get("/health") == (200, "OK")
    for pid in dns.kill_control():  # nobody waits for the minute to be over
        os.kill(pid, signal.SIGKILL)


def test_it_ends_when_lameduck_is_over(start: Start) -> None:
    dns = start(hosts("10.0.0.1").replace("health :HTTP", "health :HTTP {\n lameduck 1s\n }"))
    asked = time.monotonic()
    dns.process.send_signal(signal.SIGTERM)
    assert dns.process.wait(30) == 0
    assert time.monotonic() - asked >= 1


def test_many_are_answered_on_one_connection_and_slow_ones_hold_up_nobody(start: Start) -> None:
    dns = start(hosts("10.0.0.1"))
    query = render_query(1, from_text("a.test"), 1)
    frame = len(query).to_bytes(2, "big") + query
    with dns.client(tcp=True) as slow, dns.client(tcp=True) as quick:
        slow.socket.sendall(frame[:1])
        quick.socket.sendall(frame * 500)
        for _ in range(500):
            assert quick.receive()[:2] == b"\0\1"
        slow.socket.sendall(frame[1:7])
        assert dns.ask("a.test", tcp=True).answer
        slow.socket.sendall(frame[7:])
        assert slow.receive()[:2] == b"\0\1"
        slow.socket.sendall(frame[:3])
        slow.socket.settimeout(60)
        assert slow.socket.recv(10) == b""  # idle, however much of a query has come


def test_who_does_not_read_is_not_read_from(start: Start) -> None:
    dns = start(hosts("10.0.0.1"))
    query = render_query(1, from_text("a.test"), 1)
    frame = len(query).to_bytes(2, "big") + query
    with dns.client(tcp=True) as deaf:
        deaf.socket.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 2**28:
                sent += deaf.socket.send(frame * 1000)
        assert sent < 2**28
        assert dns.ask("a.test", tcp=True).answer


def test_a_hundred_thousand_names_do_not_make_it_grow(start: Start) -> None:
    dns = start(
        hosts("10.0.0.1").replace(
            "hosts /nonexistent", "template IN A x.test {\n rcode NXDOMAIN\n }\n hosts /nonexistent"
        ),
        "-workers",
        "1",
    )
    (worker,) = dns.workers()

    def resident_kb() -> int:
        status = Path(f"/proc/{worker}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    with dns.client() as client:
        for number in range(100_000):
            client.send(render_query(number % 65536, from_text(f"n{number}.x.test"), 1))
            if number % 50 == 49:
                for _ in range(50):
                    client.receive()
    assert resident_kb() < 120_000


def test_garbage_is_answered_or_not_and_never_harms(start: Start) -> None:
    dns = start(hosts("10.0.0.1"))
    with dns.client() as client:
        for message in (b"", b"x", bytes(12), os.urandom(40), os.urandom(1400), b"\0" * 4000):
            client.socket.send(message)
    with dns.client(tcp=True) as client:
        for message in (b"", b"x", bytes(12), os.urandom(40), b"\0" * 60000):
            client.send(message)
    assert dns.ask("a.test").answer
    assert "Traceback" not in dns.log.read_text()


def test_dns_over_tls_in_and_out(start: Start, tmp_path: Path) -> None:
    certificate, key = self_signed("dns.test")
    (tmp_path / "cert.pem").write_text(certificate)
    (tmp_path / "key.pem").write_text(key)
    files = f"{tmp_path}/cert.pem {tmp_path}/key.pem"
    inner = (
        f"tls://.:PORT {{\n bind 127.0.0.1\n tls {files}\n hosts /no {{\n 10.0.0.9 a.test\n }}\n}}"
    )
    server = start(inner)
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with (
        socket.create_connection(("127.0.0.1", server.port), 10) as raw,
        context.wrap_socket(raw, server_hostname="dns.test") as sock,
    ):
        assert Client(sock, True).ask("a.test").answer
    options = f"tls {tmp_path}/cert.pem\n tls_servername dns.test"
    forward = f"forward . tls://127.0.0.1:{server.port} {{\n {options}\n }}"
    client = start(f".:PORT {{\n bind 127.0.0.1\n errors\n {forward}\n}}")
    answer = client.ask("a.test").answer
    assert shown(answer) == ["a.test. 3600 A 10.0.0.9"], client.log.read_text()


def test_what_is_only_handed_on_comes_back_as_it_was_or_fails_over(start: Start) -> None:
    upstream = start(hosts("10.0.0.1"))
    dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dead.bind(("127.0.0.1", 0))  # hears, and says nothing
    to = f"127.0.0.1:{dead.getsockname()[1]} 127.0.0.1:{upstream.port}"
    options = "policy sequential\n read_timeout 2s\n max_fails 1"
    pages = "prometheus :HTTP"
    forward = f"forward . {to} {{\n {options}\n }}"
    dns = start(f".:PORT {{\n bind 127.0.0.1\n errors\n {pages}\n {forward}\n}}", "-workers", "1")
    with dns.client() as client:
        for number in range(20):
            name = "a.test" if number % 2 else "A.TesT"
            query = render_query(number, cased_from_text(name), 1)
            client.send(query)
            answer = client.receive()
            assert answer[:2] == query[:2]
            assert answer[12 : 12 + len(query) - 12] == query[12:]
            assert shown(read_message(answer).answer) == ["a.test. 60 A 10.0.0.1"]
    dead.close()
    metrics = dns.get("/metrics")[1]
    assert 'proto="udp",family="1",type="A"} 20' in metrics
    assert 'rcode="NOERROR",plugin="forward"} 20' in metrics


def test_the_usual_block_keeps_what_it_hands_on_by_batches(start: Start) -> None:
    upstream = start(hosts("10.0.0.1"))
    forward = f"forward . 127.0.0.1:{upstream.port}"
    plugins = f"errors\n prometheus :HTTP\n cache 30\n loop\n reload\n {forward}"
    dns = start(f".:PORT {{\n bind 127.0.0.1\n {plugins}\n}}", "-workers", "1")
    query = render_query(7, cased_from_text("A.TesT"), 1)
    with dns.client() as client:
        client.send(query)
        first = client.receive()
        assert first[12 : len(query)] == query[12:]
        assert shown(read_message(first).answer) == ["a.test. 30 A 10.0.0.1"]
        upstream.stop()
        again = client.ask("a.test").answer[0]
        assert 0 < again.ttl_s <= 30
        assert client.ask("a.test", "AAAA").rcode == Rcode.SERVFAIL
    metrics = dns.get("/metrics")[1]
    labels = f'{{server="dns://127.0.0.1:{dns.port}",type="success",zones=".",view=""}}'
    assert f"coredns_cache_hits_total{labels} 1" in metrics


def test_a_zone_is_transferred(start: Start, tmp_path: Path) -> None:
    lines = [f'n{n} 60 IN TXT "{"x" * 200}"' for n in range(400)]
    zone = "$ORIGIN example.org.\n@ 60 IN SOA ns me 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 10.0.0.1\n"
    (tmp_path / "db").write_text(zone + "\n".join(lines) + "\n")
    dns = start(
        f"example.org:PORT {{\n bind 127.0.0.1\n transfer {{\n to *\n }}\n file {tmp_path}/db\n}}"
    )
    words = ["dig", "-p", str(dns.port), "@127.0.0.1", "example.org", "AXFR", "+noall", "+answer"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 404


@pytest.mark.parametrize(
    ("corefile", "words"),
    [
        (". {\n nosuch\n}", "Corefile:2: no directive nosuch"),
        (". {\n cache thirty x..y\n}", "Corefile:2: cache: x..y: a name has an empty label"),
        (". {\n forward .\n}", "Corefile:2: forward: 1 arguments"),
        (".:PORT {\n whoami\n}\n.:PORT {\n log\n}", "is in another block already"),
        ("tls://. {\n whoami\n}", "tls:// needs the directive tls"),
        (". {\n bind nosuchdevice\n}", "neither an address nor an interface"),
        (".:PORT {\n bind 192.0.2.77\n whoami\n}", "cannot listen on 192.0.2.77"),
    ],
)
def test_a_wrong_corefile_is_refused_with_a_reason(start: Start, corefile: str, words: str) -> None:
    dns = start(corefile, wait=False)
    assert dns.process.wait(30) == 1
    assert words in dns.log.read_text()


def test_the_command_line_is_corednss(tmp_path: Path) -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "polpo.apps.dns", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert run("-version").startswith("polpo-")
    assert "dns.kubernetes" in run("-plugins")
