"""TLS towards clients and towards members: words of `bind` and `server` lines."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from polpo.agent.balancer.proxy.settings import Settings
from polpo.kernel.haproxy.words import ciphers, word
from polpo.model.load_balancer import Listener, Pool

OFF = {"SSLv3": "no-sslv3", "TLSv1": "no-tlsv10", "TLSv1.1": "no-tlsv11", "TLSv1.2": "no-tlsv12",
       "TLSv1.3": "no-tlsv13"}  # fmt: skip
VERIFY = {"OPTIONAL": "optional", "MANDATORY": "required"}
ALPN = ("h2", "http/1.1", "http/1.0")


class CertificateList(NamedTuple):
    """A listener's certificates but for the first (`crt-list`): a line of the configuration has 64
    words at most. Its name changes with what is in it, so that HAProxy is told of both.
    """

    path: Path
    text: str


def certificate_lists(
    listeners: Iterable[Listener], settings: Settings
) -> tuple[CertificateList, ...]:
    found = (_list(listener, settings) for listener in listeners)
    return tuple(one for one in found if one is not None)


def _list(listener: Listener, settings: Settings) -> CertificateList | None:
    files = [str(settings.file(ref)) for ref in _refs(listener)[1:]]
    text = "".join(f"{file.replace(' ', chr(92) + ' ')}\n" for file in files)
    name = f"{sha256(text.encode()).hexdigest()[:16]}.certificates"
    return CertificateList(settings.place / name, text) if files else None


def _refs(listener: Listener) -> list[str]:
    refs = [listener.default_tls_container_ref, *listener.sni_container_refs]
    return list(dict.fromkeys(filter(None, refs)))


def bind_words(listener: Listener, settings: Settings) -> Iterator[str]:
    """Certificates are chosen by SNI; the default one is the first."""
    yield "ssl"
    for ref in _refs(listener)[:1]:
        yield f"crt {word(str(settings.file(ref)))}"
    if more := _list(listener, settings):
        yield f"crt-list {word(str(more.path))}"
    yield from _versions(listener.tls_versions)
    if listener.tls_ciphers:
        yield f"ciphers {ciphers(listener.tls_ciphers)}"
    yield f"alpn {','.join(_protocols(listener.alpn_protocols or ALPN[:2]))}"
    if listener.client_authentication in VERIFY:
        yield f"ca-file {word(str(settings.file(listener.client_ca_tls_container_ref)))}"
        yield f"verify {VERIFY[listener.client_authentication]}"
        if listener.client_crl_container_ref:
            yield f"crl-file {word(str(settings.file(listener.client_crl_container_ref)))}"


def server_words(pool: Pool, listener: Listener, settings: Settings) -> Iterator[str]:
    """Without a CA of its own nobody is asked who they are, as in Octavia."""
    yield "ssl"
    if pool.tls_container_ref:
        yield f"crt {word(str(settings.file(pool.tls_container_ref)))}"
    if pool.ca_tls_container_ref:
        yield f"verify required ca-file {word(str(settings.file(pool.ca_tls_container_ref)))}"
        if pool.crl_container_ref:
            yield f"crl-file {word(str(settings.file(pool.crl_container_ref)))}"
    else:
        yield "verify none"
    yield from _versions(pool.tls_versions)
    if pool.tls_ciphers:
        yield f"ciphers {ciphers(pool.tls_ciphers)}"
    if pool.alpn_protocols:
        yield f"alpn {','.join(_protocols(pool.alpn_protocols))}"
    if listener.protocol == "TERMINATED_HTTPS":
        yield "sni ssl_fc_sni"


def _versions(wanted: Sequence[str]) -> Iterator[str]:
    """Old ones are spoken where they are asked for by name."""
    if not wanted:
        return
    unknown = set(wanted) - OFF.keys()
    if unknown:
        raise ValueError(f"TLS versions {sorted(unknown)}")
    least = next(version for version in OFF if version in wanted)
    yield f"ssl-min-ver {'TLSv1.0' if least == 'TLSv1' else least}"
    most = next(version for version in reversed(OFF) if version in wanted)
    yield f"ssl-max-ver {'TLSv1.0' if most == 'TLSv1' else most}"


def _protocols(wanted: Sequence[str]) -> Sequence[str]:
    unknown = set(wanted) - set(ALPN)
    if unknown:
        raise ValueError(f"ALPN protocols {sorted(unknown)}")
    return wanted
