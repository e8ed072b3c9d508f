"""Any number of certificates in a listener: HAProxy takes 64 words in a line."""

from pathlib import Path

from msgspec.structs import replace

from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.tls import bind_words, certificate_lists
from polpo.model.load_balancer import Listener

NAMES = [f"cert-{n}" for n in range(100)]
SETTINGS = Settings(Path("/run/lb"), certificates={x: Path(f"/of a host/{x}.pem") for x in NAMES})
LISTENER = Listener(
    id="secure",
    load_balancer_id="lb",
    protocol="TERMINATED_HTTPS",
    protocol_port=443,
    default_tls_container_ref=NAMES[0],
    sni_container_refs=tuple(NAMES),
)


def test_the_first_is_the_default_one_and_the_others_are_in_a_file() -> None:
    line = " ".join(bind_words(LISTENER, SETTINGS))
    (listed,) = certificate_lists([LISTENER], SETTINGS)
    assert line.startswith(f"ssl crt '/of a host/cert-0.pem' crt-list '{listed.path}' ")
    assert len(line.split()) < 20
    lines = listed.text.splitlines()
    assert lines[0] == "/of\\ a\\ host/cert-1.pem"
    assert len(lines) == 99


def test_another_certificate_is_another_file_that_haproxy_has_to_be_told_of() -> None:
    renewed = {**SETTINGS.certificates, "cert-50": Path("/renewed.pem")}
    (before,) = certificate_lists([LISTENER], SETTINGS)
    (after,) = certificate_lists([LISTENER], replace(SETTINGS, certificates=renewed))
    assert before.path != after.path


def test_one_certificate_needs_no_file() -> None:
    assert certificate_lists([replace(LISTENER, sni_container_refs=())], SETTINGS) == ()
