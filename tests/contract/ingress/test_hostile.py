"""Ingresses of somebody who means harm: refused or harmless, and everybody else is served."""

import pytest

from polpo.testing.ingress import Running, certificate
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import ingress, secret, tls_secret
from polpo.testing.kubernetes.objects import Object

CAFE, EVIL = "cafe.example.com", "evil.example.com"
HUGE = 4000
BOMB = r"/(a+)+$"
INJECTIONS: dict[str, Object] = {
    "newline in a header": {"custom_headers": "x\ny", "upstream_vhost": "a\r\nX-Admin: 1"},
    "words of HAProxy's": {"upstream_vhost": 'a" if TRUE %[env(HOME)]'},
    "a format in a redirect": {"permanent_redirect": "https://x.example/%[env(HOME)]"},
    "a line in a realm": {"auth_type": "basic", "auth_secret": "users", "auth_realm": "a\n  deny"},
    "a snippet": {"configuration_snippet": "return 200;", "server_snippet": "lua_code"},
    "a list that ends early": {"whitelist_source_range": "0.0.0.0/0 } deny {"},
    "a regular expression that explodes": {"use_regex": "true", "rewrite_target": "/$1"},
}


@pytest.mark.parametrize("what", INJECTIONS)
async def test_words_of_an_annotation_are_never_haproxys(
    api: ApiServer, ingresses: Running, what: str
) -> None:
    rule = f"~{EVIL}{BOMB} -> tea:80" if "explodes" in what else f"{EVIL}/ -> tea:80"
    api.put(secret("users", auth="a:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc="))
    api.put(ingress("evil", rule, nginx=INJECTIONS[what]))
    api.put(ingress("good", f"{CAFE}/ -> coffee:80"))
    answer = await ingresses.eventually("/", CAFE, wanted="coffee")
    assert "x-admin" not in answer.seen["headers"]
    evil = ingresses.get("/" + "a" * 40 + "!", EVIL)
    assert "x-admin" not in evil.seen.get("headers", {})
    assert "/root" not in str(evil.headers)
    assert ingresses.get("/", CAFE).by == "coffee"


async def test_paths_and_hosts_that_lead_elsewhere_lead_nowhere(
    api: ApiServer, ingresses: Running
) -> None:
    rules = [f"{EVIL}/../../etc -> tea:80", f"{CAFE}/x/%2e%2e/ -> tea:80", 'a"b c/ -> tea:80']
    api.put(ingress("good", f"{CAFE}/ -> coffee:80", born=1))
    api.put(ingress("evil", *rules, f"{CAFE}/ -> tea:80", born=2))
    await ingresses.eventually("/", CAFE, wanted="coffee")
    for path in ("/x/../y", "/%2e%2e/", "/x/%2e%2e/", "/..%5c"):
        assert ingresses.get(path, CAFE).status == 400
    assert ingresses.get("/etc", EVIL).status == 404


async def test_secrets_of_another_namespace_are_not_to_be_had(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(tls_secret("theirs", EVIL, "other"), secret("users", "other", auth="a:b"))
    guarded = {"auth_type": "basic", "auth_secret": "other/users"}
    api.put(
        ingress("tls", f"{EVIL}/ -> tea:80", tls={"other/theirs": [EVIL], "theirs": [EVIL]}),
        ingress("auth", "a.example.com/ -> tea:80", nginx=guarded),
        ingress("ca", "c.example.com/ -> tea:80", nginx={"auth_tls_secret": "other/theirs"}),
        ingress("good", f"{CAFE}/ -> coffee:80"),
    )
    await ingresses.eventually("/", CAFE, wanted="coffee")
    assert certificate(ingresses.https, EVIL) == certificate(ingresses.https, "nobody.example.com")
    assert ingresses.get("/", "a.example.com").status == 503


async def test_one_that_is_as_large_as_kubernetes_takes_it_harms_nobody(
    api: ApiServer, ingresses: Running
) -> None:
    """Some 1.3 MiB; etcd takes 1.5."""
    paths = [f"{EVIL}/{number}/{'x' * 250} -> tea:80" for number in range(HUGE)]
    note = {"nginx.ingress.kubernetes.io/whitelist-source-range": ",".join(["10.0.0.0/8"] * 2000)}
    api.put(ingress("good", f"{CAFE}/ -> coffee:80"))
    await ingresses.eventually("/", CAFE, wanted="coffee")
    api.put(ingress("huge", *paths), ingress("long", "l.example.com/ -> tea:80", annotations=note))
    await ingresses.eventually(f"/{HUGE - 1}/{'x' * 250}", EVIL, wanted="tea")
    assert ingresses.get("/", CAFE).by == "coffee"
    await until(lambda: ingresses.get("/", "l.example.com").status in (403, 503))
