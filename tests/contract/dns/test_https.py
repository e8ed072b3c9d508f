"""DNS over HTTPS, as curl, kdig and HTTP libraries ask."""

import base64
import http.client
import shutil
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from polpo.dns.server.exchange import TYPE
from polpo.dns.wire.message import read_message
from polpo.dns.wire.name import from_text
from polpo.dns.wire.render import render_query
from polpo.lab.kubernetes.certificates import self_signed
from polpo.testing.dns import STARTED, DnsProcess
from polpo.testing.resolver import shown

QUERY = render_query(7, from_text("a.test"), 1)
SECURED = """https://.:PORT {
    bind 127.0.0.1
    tls FOLDER/cert.pem FOLDER/key.pem
    hosts /nonexistent {
        10.0.0.9 a.test
        fallthrough
    }
    template IN TXT . {
        answer "{{ .Name }} 60 IN TXT LONG"
    }
}
"""


@pytest.fixture(scope="module")
def dns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsProcess]:
    folder = tmp_path_factory.mktemp("https")
    certificate, key = self_signed("dns.test")
    (folder / "cert.pem").write_text(certificate)
    (folder / "key.pem").write_text(key)
    long = " ".join(["x" * 200] * 250)  # more than a frame has
    process = DnsProcess(
        folder, SECURED.replace("FOLDER", str(folder)).replace("LONG", long), "-workers", "1"
    )
    process.wait_for(STARTED)
    yield process
    process.stop()


def url(dns: DnsProcess, rest: str = "/dns-query") -> str:
    return f"https://dns.test:{dns.port}{rest}"


def curl(dns: DnsProcess, *words: str, stdin: bytes = b"") -> bytes:
    name = ("--resolve", f"dns.test:{dns.port}:127.0.0.1")
    trust = ("--cacert", str(dns.corefile.with_name("cert.pem")))
    command = ["curl", "-sS", "--max-time", "30", *name, *trust, *words]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_get_and_post_have_the_same_answer(dns: DnsProcess, version: str) -> None:
    post = ("-H", f"content-type: {TYPE}", "--data-binary", "@-", url(dns))
    text = base64.urlsafe_b64encode(QUERY).decode().rstrip("=")
    asked = [
        curl(dns, version, *post, stdin=QUERY),
        curl(dns, version, url(dns, f"/dns-query?dns={text}")),
    ]
    for answer in asked:
        message = read_message(answer)
        assert message.id == 7
        assert shown(message.answer) == ["a.test. 3600 A 10.0.0.9"]


def test_the_response_says_what_it_is_and_how_long_it_is_fresh(dns: DnsProcess) -> None:
    text = base64.urlsafe_b64encode(QUERY).decode().rstrip("=")
    shown_head = curl(
        dns, "--http2", "-D", "-", "-o", "/dev/null", url(dns, f"/dns-query?dns={text}")
    )
    head = shown_head.decode().lower()
    assert head.startswith("http/2 200")
    assert f"content-type: {TYPE}" in head
    assert "cache-control: max-age=3600" in head


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("/",), "404"),
        (("/dns-query",), "400"),
        (("/dns-query?dns=%21",), "400"),
        (("/dns-query", "-X", "PUT", "-d", "x"), "405"),
        (("/dns-query", "-d", "x"), "415"),
    ],
)
@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_what_is_no_question_has_a_status(
    dns: DnsProcess, version: str, words: tuple[str, ...], status: str
) -> None:
    target, *rest = words
    said = ("-o", "/dev/null", "-w", "%{http_code}")
    assert curl(dns, version, *said, *rest, url(dns, target)).decode() == status


def test_an_answer_longer_than_a_window_arrives_whole(dns: DnsProcess) -> None:
    query = render_query(9, from_text("long.test"), 16)
    text = base64.urlsafe_b64encode(query).decode().rstrip("=")
    answer = curl(dns, "--http2", url(dns, f"/dns-query?dns={text}"))
    message = read_message(answer)
    assert message.rcode == 0, dns.log.read_text()[:300]
    (record,) = message.answer
    assert len(record.data) == 250 * 201


def test_requests_on_one_connection_are_answered_in_turn(dns: DnsProcess) -> None:
    context = ssl.create_default_context(cafile=str(dns.corefile.with_name("cert.pem")))
    context.check_hostname = False
    link = http.client.HTTPSConnection("127.0.0.1", dns.port, timeout=30, context=context)
    for number in range(20):
        query = render_query(number, from_text("a.test"), 1)
        link.request("POST", "/dns-query", query, {"content-type": TYPE})
        assert read_message(link.getresponse().read()).id == number
    link.close()


@pytest.mark.skipif(not shutil.which("kdig"), reason="kdig is not installed")
def test_kdig_understands_it(dns: DnsProcess) -> None:
    command = ["kdig", "@127.0.0.1", "-p", str(dns.port), "+https", "+short", "a.test"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "10.0.0.9\n"


def test_what_is_no_http_is_hung_up_on(dns: DnsProcess) -> None:
    context = ssl.create_default_context(cafile=str(dns.corefile.with_name("cert.pem")))
    context.check_hostname = False
    for protocol in ("h2", "http/1.1"):
        context.set_alpn_protocols([protocol])
        with dns.client(tcp=True) as client, context.wrap_socket(client.socket) as sock:
            sock.sendall(b"\0\1garbage\r\n\r\n" * 100)
            while sock.recv(65536):
                pass
    assert curl(dns, "-o", "/dev/null", "-w", "%{http_code}", url(dns, "/")).decode() == "404"
