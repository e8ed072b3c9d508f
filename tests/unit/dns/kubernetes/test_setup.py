"""Options of the directive, and what is refused."""

from pathlib import Path

import pytest

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.parse import parse
from polpo.dns.plugins.kubernetes import setup
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.wire.name import from_text


def options(directive: str, zones: str = "cluster.local 10.254.0.0/16") -> Options:
    block = parse(f"{zones} {{\n{directive}\n}}")[0]
    return setup.parse(block.named("kubernetes"), block)


def test_without_words_it_answers_for_the_blocks_zones_with_coredns_defaults() -> None:
    made = options("kubernetes")
    assert made.zones == (from_text("cluster.local"), from_text("254.10.in-addr.arpa"))
    assert made == Options(zones=made.zones)
    assert (made.ttl_s, made.pods, made.startup_timeout_s) == (5, "disabled", 5.0)


def test_all_options_are_read() -> None:
    made = options(
        """kubernetes a.local b.local 10.0.0.0/8 {
        endpoint https://api:6443 https://other:6443
        tls cert.pem key.pem ca.pem
        kubeconfig /etc/kube.conf prod
        namespaces a b
        namespaces c
        labels environment in (staging, qa),application=nginx
        pods verified
        endpoint_pod_names
        ttl 3600
        fallthrough a.local in-addr.arpa
        ignore empty_service
        multicluster b.local
        zonal
        startup_timeout 1m30s
        apiserver_qps 2.5
        apiserver_burst 7
        apiserver_max_inflight 3
    }"""
    )
    assert made == Options(
        zones=tuple(map(from_text, ("a.local", "b.local", "10.in-addr.arpa"))),
        endpoint="https://api:6443",
        tls=("cert.pem", "key.pem", "ca.pem"),
        kubeconfig=("/etc/kube.conf", "prod"),
        namespaces=frozenset("abc"),
        labels="environment in (staging, qa),application=nginx",
        pods="verified",
        endpoint_pod_names=True,
        ttl_s=3600,
        fallthrough=(from_text("a.local"), from_text("in-addr.arpa")),
        ignore_empty=True,
        multicluster=(from_text("b.local"),),
        zonal=True,
        startup_timeout_s=90.0,
        qps=2.5,
        burst=7,
        inflight=3,
    )


def test_fallthrough_alone_is_for_all_zones_and_noendpoints_watches_none() -> None:
    made = options("kubernetes {\nfallthrough\nnoendpoints\nnamespace_labels a=b\n}")
    assert made.fallthrough == made.zones
    assert not made.endpoints
    assert made.namespace_labels == "a=b"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("ttl 3601", "no number from 0 to 3600"),
        ("ttl", "it takes 1"),
        ("pods maybe", "allowed are disabled, insecure, verified"),
        ("ignore everything", "allowed are empty_service"),
        ("labels a in b", "is no label's key"),
        ("namespace_labels", "it takes 1 or more"),
        ("namespaces a\nnamespace_labels b", "cannot both be set"),
        ("multicluster other.local", "other.local. is not among its zones"),
        ("multicluster", "it takes 1 or more"),
        ("zonal\nnoendpoints", "cannot be with noendpoints"),
        ("tls a b c", "for an endpoint"),
        ("endpoint https://a\ntls a b", "it takes 3"),
        ("startup_timeout soon", "no duration"),
        ("apiserver_qps many", "no number"),
        ("apiserver_burst -1", "no number from 0"),
        ("kubeconfig", "it takes 1 to 2"),
        ("noendpoints now", "it takes 0"),
        ("resyncperiod 5m", "no option resyncperiod"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(lines: str, words: str) -> None:
    with pytest.raises(CorefileError, match=words) as error:
        options(f"kubernetes {{\n{lines}\n}}")
    assert str(error.value).startswith("Corefile:")


def test_the_machines_search_list_is_read_where_pods_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "RESOLV_CONF", tmp_path / "resolv.conf")
    (directive,) = parse(". { kubernetes cluster.local { pods verified } }")[0].directives
    assert setup.expand(directive) == directive, "there is no such file"
    (tmp_path / "resolv.conf").write_text("nameserver 1.2.3.4\nsearch a.example b.example\n")
    expanded = setup.expand(directive)
    assert expanded.block[-1][:2] == ("search", ("a.example", "b.example"))
    assert setup.expand(expanded) == expanded
    (plain,) = parse(". { kubernetes cluster.local }")[0].directives
    assert setup.expand(plain) == plain


def test_zones_of_addresses_alone_are_refused() -> None:
    with pytest.raises(CorefileError, match="a zone of names"):
        options("kubernetes", "10.254.0.0/16")


def test_it_may_be_given_once_in_a_block() -> None:
    with pytest.raises(CorefileError, match="only once"):
        options("kubernetes\nkubernetes")
