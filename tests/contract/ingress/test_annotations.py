"""What ingress-nginx's annotations do, by a real HAProxy."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.lab.kubernetes.certificates import self_signed
from polpo.testing.ingress import App, Running, apps
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import (
    config_map,
    ingress,
    secret,
    tls_secret,
)
from polpo.testing.kubernetes.objects import Object, endpoints

CAFE = "cafe.example.com"
PASSWORD = "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"


@pytest.fixture
def guard() -> Iterator[App]:
    with apps("guard") as made:
        yield made["guard"]


async def test_the_path_is_rewritten_by_what_its_groups_took(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(
        ingress("r", f"~{CAFE}/shop(/|$)(.*) -> tea:80", nginx={"rewrite_target": "/v2/$2"}),
        ingress("p", "plain.example.com/old -> tea:80", nginx={"rewrite_target": "/new"}),
    )
    found = await ingresses.eventually("/shop/a/b?x=1", CAFE, wanted="tea")
    assert found.seen["path"] == "/v2/a/b?x=1"
    assert ingresses.get("/SHOP", CAFE).seen["path"] == "/v2/"
    assert ingresses.get("/shopping", CAFE).status == 404
    assert ingresses.get("/old/x", "plain.example.com").seen["path"] == "/new"


async def test_of_regular_expressions_the_longest_is_asked_first(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(
        ingress("a", f"~{CAFE}/foo/.* -> tea:80", nginx={"use_regex": "true"}),
        ingress("b", f"~{CAFE}/foo/bar/[0-9]+$ -> coffee:80", nginx={"use_regex": "true"}),
        ingress("c", f"{CAFE}/ -> coffee:80"),
    )
    await ingresses.eventually("/foo/bar/7", CAFE, wanted="coffee")
    assert ingresses.get("/foo/bar/x", CAFE).by == "tea"
    assert ingresses.get("/other", CAFE).by == "coffee"


async def test_redirects_come_before_applications(api: ApiServer, ingresses: Running) -> None:
    api.put(
        to_tea("a", CAFE, app_root="/start"),
        to_tea("b", "old.example.com", permanent_redirect="https://n.example/x"),
        to_tea("c", "t.example.com", temporal_redirect="https://n.example$request_uri"),
        to_tea("d", "www.d.example.com", from_to_www_redirect="true"),
        to_tea("e", "e.example.com", force_ssl_redirect="true"),
    )
    root = await ingresses.eventually("/", CAFE, wanted=302)
    assert root.headers["location"] == "/start"
    assert ingresses.get("/start", CAFE).by == "tea"
    moved = ingresses.get("/y", "old.example.com")
    assert (moved.status, moved.headers["location"]) == (301, "https://n.example/x")
    away = ingresses.get("/a?b=c", "t.example.com")
    assert (away.status, away.headers["location"]) == (302, "https://n.example/a?b=c")
    other = ingresses.get("/a", "d.example.com")
    assert (other.status, other.headers["location"]) == (308, "http://www.d.example.com/a")
    assert ingresses.get("/", "e.example.com").headers["location"] == "https://e.example.com/"


async def test_who_may_come_is_seen_by_address(api: ApiServer, ingresses: Running) -> None:
    api.put(
        to_tea("a", "a.example.com", whitelist_source_range="10.0.0.0/8, ::/0"),
        to_tea("b", "b.example.com", denylist_source_range="127.0.0.1"),
        to_tea("c", "c.example.com", allowlist_source_range="127.0.0.0/8"),
        to_tea("d", "d.example.com", whitelist_source_range="everybody"),
    )
    await ingresses.eventually("/", "c.example.com", wanted="tea")
    assert ingresses.get("/", "a.example.com").status == 403
    assert ingresses.get("/", "b.example.com").status == 403
    assert ingresses.get("/", "d.example.com").status == 503
    await until(lambda: any("nobody is let in" in note for note in _notes(api, "d")))


async def test_a_password_is_asked_for(api: ApiServer, ingresses: Running) -> None:
    api.put(
        secret("users", auth=f"ann:{PASSWORD}\n"),
        secret("old", auth="ann:$apr1$x$y"),
        to_tea("a", CAFE, auth_type="basic", auth_secret="users", auth_realm="Tea % only"),
        to_tea("b", "b.example.com", auth_type="basic", auth_secret="other/users"),
        to_tea("c", "c.example.com", auth_type="basic", auth_secret="old"),
    )
    refused = await ingresses.eventually("/", CAFE, wanted=401)
    assert refused.headers["www-authenticate"] == 'Basic realm="Tea % only"'
    good, bad = ({"Authorization": f"Basic {text}"} for text in ("YW5uOnNlY3JldA==", "YW5uOm5v"))
    assert ingresses.get("/", CAFE, headers=good).by == "tea"
    assert ingresses.get("/", CAFE, headers=bad).status == 401
    assert ingresses.get("/", "b.example.com", headers=good).status == 503
    assert ingresses.get("/", "c.example.com", headers=good).status == 503
    await until(lambda: any("htpasswd" in note for note in _notes(api, "c")))


async def test_passwords_are_known_as_htpasswd_writes_them(
    api: ApiServer, ingresses: Running
) -> None:
    """`openssl passwd -apr1` of short, long and of one with everything in it; `{SHA}`; crypt(3)."""
    passwords = {
        "ann": "secret",
        "bob": "x" * 40,
        "eve": "a:b\N{LATIN SMALL LETTER E WITH ACUTE} \t%",
    }
    lines = [f"{user}:{apr1(given)}\n" for user, given in passwords.items()]
    sha = base64.b64encode(hashlib.sha1(b"hush").digest()).decode()
    file = "".join([*lines, f"sue:{{SHA}}{sha}\n", f"tom:{PASSWORD}\n"])
    api.put(secret("users", auth=file), to_tea("a", CAFE, auth_type="basic", auth_secret="users"))
    await ingresses.eventually("/", CAFE, wanted=401)
    for user, password in {**passwords, "sue": "hush", "tom": "secret"}.items():
        assert ingresses.get("/", CAFE, headers=named(user, password)).by == "tea", user
        assert ingresses.get("/", CAFE, headers=named(user, password)).by == "tea", user
        assert ingresses.get("/", CAFE, headers=named(user, password + "!")).status == 401, user
    assert ingresses.get("/", CAFE, headers=named("nobody", "secret")).status == 401
    assert ingresses.get("/", CAFE, headers=named("ann", "")).status == 401


async def test_a_password_that_htpasswd_would_not_take_is_not_hashed_for_a_stranger(
    api: ApiServer, ingresses: Running
) -> None:
    sha = [base64.b64encode(hashlib.sha1(b"x" * n).digest()).decode() for n in (255, 256)]
    file = f"fits:{{SHA}}{sha[0]}\nlong:{{SHA}}{sha[1]}\n"
    api.put(secret("users", auth=file), to_tea("a", CAFE, auth_type="basic", auth_secret="users"))
    await ingresses.eventually("/", CAFE, wanted=401)
    assert ingresses.get("/", CAFE, headers=named("fits", "x" * 255)).by == "tea"
    assert ingresses.get("/", CAFE, headers=named("long", "x" * 256)).status == 401


def apr1(password: str) -> str:
    words = ("openssl", "passwd", "-apr1", "-stdin", "-salt", "abc.DE/1")
    return subprocess.run(words, input=password, text=True, capture_output=True).stdout.strip()


def named(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


async def test_somebody_else_says_who_may_come(
    api: ApiServer, ingresses: Running, guard: App
) -> None:
    where = f"http://127.0.0.1:{guard.port}"
    asked = {"auth_url": f"{where}/check", "auth_response_headers": "X-User, X-Team"}
    signin = {"auth_signin": "https://login.example/in"}
    api.put(
        ingress("a", f"{CAFE}/ -> tea:80", nginx=asked),
        ingress("b", "b.example.com/ -> tea:80", nginx=asked | signin),
        to_tea("c", "c.example.com", auth_url="http://127.0.0.1:1/nobody"),
    )
    guard.extra = {"X-User": "ann"}
    given = {"X-User": "root", "X-Team": "admins", "Cookie": "a=b"}
    found = await ingresses.eventually("/x?y=1", CAFE, wanted="tea", headers=given)
    assert found.seen["headers"]["x-user"] == "ann"
    assert "x-team" not in found.seen["headers"]
    guard.status = 403
    assert ingresses.get("/", CAFE).status == 403
    guard.status = 401
    assert ingresses.get("/", CAFE).status == 401
    to = ingresses.get("/x?y=1", "b.example.com")
    wanted = "https://login.example/in?rd=http://b.example.com%2Fx%3Fy%3D1"
    assert (to.status, to.headers["location"]) == (302, wanted)
    assert ingresses.get("/", "c.example.com").status == 500


async def test_requests_are_copied_and_nobody_hears_the_answers(
    api: ApiServer, ingresses: Running, guard: App
) -> None:
    """The guard is who gets the copies."""
    target = f"http://127.0.0.1:{guard.port}/copy$request_uri"
    api.put(
        to_tea("a", CAFE, mirror_target=target, mirror_host="copy.example.com"),
        to_tea("b", "b.example.com", mirror_target=target, mirror_request_body="off"),
        to_tea("c", "c.example.com", mirror_target="http://127.0.0.1:1/nobody"),
    )
    await ingresses.eventually("/", CAFE, wanted="tea")
    assert ingresses.get("/x?y=1", CAFE, method="POST", body=b"z" * 9000).by == "tea"
    await until(lambda: guard.last.get("length") == 9000)
    assert (guard.last["method"], guard.last["path"]) == ("POST", "/copy/x?y=1")
    assert guard.last["headers"]["host"] == "copy.example.com"
    assert guard.last["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert ingresses.get("/n", "b.example.com", method="POST", body=b"z").by == "tea"
    await until(lambda: guard.last["path"] == "/copy/n")
    assert guard.last["length"] == 0
    before = guard.requests
    assert ingresses.get("/", CAFE, method="POST", body=b"z" * 100_000).seen["length"] == 100_000
    assert ingresses.get("/", "c.example.com").by == "tea"
    assert ingresses.get("/last", CAFE).by == "tea"
    await until(lambda: guard.last["path"] == "/copy/last")
    assert guard.requests == before + 1


async def test_another_service_answers_while_one_has_nobody(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(to_tea("a", CAFE, default_backend="coffee"))
    api.put(to_tea("b", "b.example.com", default_backend="nobody"))
    await ingresses.eventually("/", CAFE, wanted="tea")
    (there,) = [
        one
        for one in api.stored.all("endpointslices", "", "")
        if one["metadata"]["name"] == "tea-1"
    ]
    api.put(there | {"endpoints": []})
    await ingresses.eventually("/", CAFE, wanted="coffee")
    assert ingresses.get("/", "b.example.com").status == 503
    api.put(there)
    await ingresses.eventually("/", CAFE, wanted="tea")
    await until(lambda: any("no Service nobody" in note for note in _notes(api, "b")))


async def test_cross_origin_requests_are_answered(api: ApiServer, ingresses: Running) -> None:
    origins = {"enable_cors": "true", "cors_allow_origin": "https://*.shop.example"}
    api.put(ingress("a", f"{CAFE}/ -> tea:80", nginx=origins))
    of = {"Origin": "https://a.shop.example", "Access-Control-Request-Method": "PUT"}
    asked = await ingresses.eventually("/", CAFE, wanted=204, method="OPTIONS", headers=of)
    assert asked.headers["access-control-allow-origin"] == "https://a.shop.example"
    assert "PUT" in asked.headers["access-control-allow-methods"]
    found = ingresses.get("/", CAFE, headers=of)
    assert found.headers["access-control-allow-credentials"] == "true"
    other = ingresses.get("/", CAFE, headers={"Origin": "https://shop.example.evil"})
    assert "access-control-allow-origin" not in other.headers


async def test_who_asks_too_much_is_refused(api: ApiServer, ingresses: Running) -> None:
    api.put(to_tea("a", CAFE, limit_rpm="1", limit_burst_multiplier="2"))
    await ingresses.eventually("/", CAFE, wanted=503)
    free = {"limit_rpm": "1", "limit_whitelist": "127.0.0.1"}
    api.put(ingress("b", "b.example.com/ -> tea:80", nginx=free))
    await ingresses.eventually("/", "b.example.com", wanted="tea")
    assert {ingresses.get("/", "b.example.com").status for _ in range(20)} == {200}


async def test_a_canary_gets_its_share_and_who_asks_for_it(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(ingress("main", f"{CAFE}/ -> tea:80"))
    of = {"canary": "true", "canary_weight": "30", "canary_by_header": "X-New",
          "canary_by_cookie": "new"}  # fmt: skip
    api.put(ingress("new", f"{CAFE}/ -> coffee:80", nginx=of))
    always, never = {"X-New": "always"}, {"X-New": "never"}
    await ingresses.eventually("/", CAFE, wanted="coffee", headers=always)
    assert {ingresses.get("/", CAFE, headers=never).by for _ in range(20)} == {"tea"}
    assert ingresses.get("/", CAFE, headers={"Cookie": "new=always"}).by == "coffee"
    shares = [ingresses.get("/", CAFE).by for _ in range(200)]
    assert 25 < shares.count("coffee") < 100  # 60, by chance
    reloads, told = ingresses.haproxy.reloads, ingresses.haproxy.told
    api.put(ingress("new", f"{CAFE}/ -> coffee:80", nginx=of | {"canary_weight": "99"}))
    await until(lambda: ingresses.haproxy.told > told)
    assert [ingresses.get("/", CAFE).by for _ in range(30)].count("coffee") > 20
    assert ingresses.haproxy.reloads == reloads


async def test_a_cookie_leads_to_the_same_endpoint(
    api: ApiServer, ingresses: Running, applications: dict[str, App]
) -> None:
    other = applications["coffee"]
    api.put(endpoints("tea-2", "tea", ports=f"http:tcp:{other.port}", addresses=[other.address]))
    of = {"affinity": "cookie", "session_cookie_name": "stick", "session_cookie_max_age": "60",
          "session_cookie_samesite": "Lax"}  # fmt: skip
    api.put(ingress("a", f"{CAFE}/ -> tea:80", nginx=of))
    first = await ingresses.eventually("/", CAFE, wanted="coffee")
    given = first.headers["set-cookie"]
    assert "Max-Age=60" in given
    assert "SameSite=Lax" in given
    back = {"Cookie": given.partition(";")[0]}
    assert {ingresses.get("/", CAFE, headers=back).by for _ in range(10)} == {"coffee"}


async def test_bodies_headers_and_hosts_are_as_the_annotations_say(
    api: ApiServer, ingresses: Running
) -> None:
    api.put(config_map("more", X_Frame_Options="DENY"))
    of = {"proxy_body_size": "1k", "custom_headers": "default/more", "proxy_read_timeout": "7",
          "upstream_vhost": "inside.example", "x_forwarded_prefix": "/cafe",
          "proxy_next_upstream": "error http_503", "proxy_next_upstream_tries": "2",
          "upstream_hash_by": "$request_uri", "proxy_connect_timeout": "3"}  # fmt: skip
    api.put(ingress("a", f"{CAFE}/ -> tea:80", nginx=of))
    found = await ingresses.eventually("/", CAFE, wanted="tea", method="POST", body=b"x" * 1000)
    assert found.headers["x-frame-options"] == "DENY"
    assert found.seen["headers"]["host"] == "inside.example"
    assert found.seen["headers"]["x-forwarded-prefix"] == "/cafe"
    assert ingresses.get("/", CAFE, method="POST", body=b"x" * 2000).status == 413


async def test_clients_are_asked_for_certificates(
    api: ApiServer, ingresses: Running, tmp_path: Path
) -> None:
    mine, theirs = (_identity(tmp_path / name) for name in ("mine", "theirs"))
    api.put(tls_secret("cafe", CAFE), tls_secret("open", "open.example.com"))
    api.put(secret("ca", ca_crt=mine.read_text().partition("-----BEGIN EC")[0]))
    of = {"auth_tls_secret": "default/ca"}
    api.put(
        ingress("a", f"{CAFE}/ -> tea:80", tls={"cafe": [CAFE]}, nginx=of),
        ingress("b", "open.example.com/ -> coffee:80", tls={"open": ["open.example.com"]}),
    )
    await ingresses.eventually("https://open.example.com/", wanted="coffee")
    known = await ingresses.eventually(f"https://{CAFE}/", wanted="tea", own=mine)
    assert known.seen["headers"]["ssl-client-verify"] == "SUCCESS"
    assert known.seen["headers"]["ssl-client-subject-dn"] == "CN=mine"
    for own in (None, theirs):
        with pytest.raises(OSError, match=r"alert|reset"):
            ingresses.get(f"https://{CAFE}/", own=own)
    around = ingresses.get(f"https://{CAFE}/", name="open.example.com")
    assert around.status == 421


def _identity(file: Path) -> Path:
    file.write_text("".join(self_signed(file.name)))
    return file


async def test_snippets_and_typing_errors_are_said(api: ApiServer, ingresses: Running) -> None:
    of = {"configuration_snippet": "return 418;", "rewrite_taget": "/", "proxy_buffering": "off"}
    api.put(ingress("a", f"{CAFE}/ -> tea:80", nginx=of))
    await ingresses.eventually("/", CAFE, wanted="tea")
    await until(lambda: len(_notes(api, "a")) == 2)
    assert any("read all Secrets" in note for note in _notes(api, "a"))
    assert any("rewrite-target?" in note for note in _notes(api, "a"))


async def test_tls_is_passed_to_who_ends_it_themselves(
    api: ApiServer, ingresses: Running, applications: dict[str, App]
) -> None:
    api.put(tls_secret("cafe", CAFE))
    api.put(ingress("a", "p.example.com/ -> tea:80", nginx={"ssl_passthrough": "true"}))
    api.put(ingress("b", f"{CAFE}/ -> coffee:80", tls={"cafe": [CAFE]}))
    found = await ingresses.eventually(f"https://{CAFE}/", wanted="coffee")
    assert found.seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    del applications


def to_tea(name: str, host: str, **nginx: str) -> Object:
    return ingress(name, f"{host}/ -> tea:80", nginx=nginx)


def _notes(api: ApiServer, name: str) -> list[str]:
    return [
        event["note"]
        for event in api.stored.all("events", "", "")
        if event["regarding"]["name"] == name
    ]
