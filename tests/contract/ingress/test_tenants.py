"""Ingresses of one namespace that want what is another's: hosts, TLS, and everybody's routes."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from polpo.testing.ingress import App, Running, certificate
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.ingresses import app, ingress, secret, tls_secret
from polpo.testing.kubernetes.objects import Object

SHOP, EVIL = "shop.example.com", "evil.example.net"
FOREIGN: Object = {"namespace": "evil", "born": 9}


def weak() -> tuple[str, str]:
    """A certificate and its key, of 1,024 bits."""
    key, now = rsa.generate_private_key(65537, 1024), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, EVIL)])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
    pem, coding = serialization.Encoding.PEM, serialization.NoEncryption()
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, coding)
    return made.sign(key, hashes.SHA256()).public_bytes(pem).decode(), own.decode()


@pytest.fixture(autouse=True)
async def their_own(api: ApiServer, applications: dict[str, App]) -> None:
    """coffee is an application in the namespace of who means harm, too."""
    coffee = applications["coffee"]
    api.put(*app("coffee", coffee.address, coffee.port, "evil"))


async def harmless(api: ApiServer, ingresses: Running, *evil: Object) -> None:
    """They are seen, and another's new Ingress still gets in after them."""
    api.put(*evil, ingress("late", "late.example.com/ -> tea:80", born=10))
    await ingresses.eventually("/", "late.example.com", wanted="tea")


@pytest.mark.parametrize("path", ["/x|.*", "/x)|(.*", "/x|(?:.*"])
async def test_an_alternative_in_a_path_is_of_its_own_host(
    api: ApiServer, ingresses: Running, path: str
) -> None:
    regex = {"use_regex": "true"}
    api.put(ingress("good", f"~{SHOP}/[a-z]+ -> tea:80", nginx=regex))
    await ingresses.eventually("/cup", SHOP, wanted="tea")
    evil = ingress("evil", f"~a.{EVIL}{path} -> coffee:80", nginx=regex, **FOREIGN)
    await harmless(api, ingresses, evil)
    assert ingresses.get("/cup", SHOP).by == "tea"
    assert ingresses.get("/1", SHOP).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/a{70000}",
        r"/\u0041",
        "/[[:foo:]]",
        "/(?P<n" + "n" * 40 + ">a)",
        "/(?u:a)",
        "/(?:abcdefgh){9999}",
    ],
)
async def test_an_expression_that_haproxy_does_not_take_keeps_nobody_out(
    api: ApiServer, ingresses: Running, path: str
) -> None:
    evil = ingress("evil", f"~{EVIL}{path} -> coffee:80", nginx={"use_regex": "true"}, **FOREIGN)
    await harmless(api, ingresses, evil)


@pytest.mark.parametrize(
    "wrong",
    [
        {"canary_by_header": "x", "canary_by_header_pattern": "a{70000}"},
        {"canary_by_header": "x", "canary_by_header_pattern": "("},
        {"canary_by_header": "x y"},
        {"canary_weight": "some"},
    ],
)
async def test_a_canary_that_makes_no_sense_keeps_nobody_out(
    api: ApiServer, ingresses: Running, wrong: dict[str, str]
) -> None:
    by = {"canary": "true", **wrong}
    evil = ingress("evil", f"{EVIL}/ -> coffee:80", **FOREIGN)
    await harmless(api, ingresses, evil, ingress("c", f"{EVIL}/ -> coffee:80", nginx=by, **FOREIGN))


async def test_a_certificate_that_haproxy_does_not_take_keeps_nobody_out(
    api: ApiServer, ingresses: Running
) -> None:
    """OpenSSL wants keys of RSA to have 2,048 bits."""
    certificate_, key = weak()
    of = {"type": "kubernetes.io/tls", "tls_crt": certificate_, "tls_key": key}
    evil = ingress("evil", f"{EVIL}/ -> coffee:80", tls={"weak": [EVIL]}, **FOREIGN)
    await harmless(api, ingresses, secret("weak", "evil", **of), evil)


@pytest.mark.parametrize("name", [SHOP, "*.example.com"])
async def test_tls_of_a_host_is_not_passed_to_who_comes_later(
    api: ApiServer, ingresses: Running, name: str
) -> None:
    api.put(tls_secret("shop", SHOP), ingress("good", f"{SHOP}/ -> tea:80", tls={"shop": [SHOP]}))
    await ingresses.eventually(f"https://{SHOP}/", wanted="tea")
    evil = ingress("evil", f"{name}/ -> coffee:80", nginx={"ssl_passthrough": "true"}, **FOREIGN)
    await harmless(api, ingresses, evil)
    assert ingresses.get(f"https://{SHOP}/").by == "tea"


async def test_a_canary_is_of_its_own_namespace(api: ApiServer, ingresses: Running) -> None:
    api.put(ingress("good", f"{SHOP}/ -> tea:80"))
    await ingresses.eventually("/", SHOP, wanted="tea")
    all_of_it = {"canary": "true", "canary_weight": "100"}
    await harmless(
        api, ingresses, ingress("c", f"{SHOP}/ -> coffee:80", nginx=all_of_it, **FOREIGN)
    )
    assert ingresses.get("/", SHOP).by == "tea"


@pytest.mark.parametrize("name", [SHOP, "*.example.com"])
async def test_a_certificate_of_another_namespace_changes_nothing_for_a_host(
    api: ApiServer, ingresses: Running, name: str
) -> None:
    """Its plain HTTP would be sent to TLS that nobody can trust."""
    api.put(ingress("good", f"{SHOP}/ -> tea:80"))
    await ingresses.eventually("/", SHOP, wanted="tea")
    theirs = tls_secret("theirs", name, "evil")
    evil = ingress("evil", f"{EVIL}/ -> coffee:80", tls={"theirs": [name, EVIL]}, **FOREIGN)
    await harmless(api, ingresses, theirs, evil)
    assert ingresses.get("/", SHOP).status == 200
    if name == SHOP:
        shown = certificate(ingresses.https, SHOP)
        assert shown == certificate(ingresses.https, "nobody.example.org")
