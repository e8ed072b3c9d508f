"""What Ingresses come to, and what is said of them."""

from polpo.ingress.secrets import pair
from polpo.testing.kubernetes.ingresses import ingress, secret, tls_secret
from polpo.testing.kubernetes.objects import Object, service
from polpo.testing.routes import compile, routes, state, where

TEA = service("tea", ports="http:tcp:80")
HOST = "cafe.example.com"


def notes(*given: Object) -> list[tuple[str, str]]:
    return [(c.key, c.reason) for c in compile(*given).complaints]


def test_the_older_ingress_keeps_its_path_whatever_order_they_come_in() -> None:
    theirs = service("theirs", "other", ports="http:tcp:80")
    old = ingress("z", f"{HOST}/ -> tea:80", born=1)
    new = ingress("a", f"{HOST}/ -> theirs:80", namespace="other", born=2)
    for given in ((old, new), (new, old)):
        assert where(routes(TEA, theirs, *given), HOST, "/") == "tea"
        assert notes(TEA, theirs, *given) == [("other/a", "Conflict")]


def test_the_same_path_twice_in_one_ingress_is_no_conflict() -> None:
    assert notes(TEA, ingress("a", f"{HOST}/ -> tea:80", f"{HOST}/ -> tea:80")) == []


def test_a_certificate_is_shown_for_the_names_that_the_ingress_lists_only() -> None:
    given = ingress("a", f"{HOST}/ -> tea:80", tls={"cafe": [HOST, "*.x.example.com"]})
    (found,) = compile(TEA, tls_secret("cafe", "bank.example.com"), given).certificates
    assert found.hosts == ("*.x.example.com", HOST)


def test_secrets_of_other_namespaces_are_refused() -> None:
    of = {"auth_type": "basic", "auth_secret": "other/users"}
    given = ingress("a", f"{HOST}/ -> tea:80", nginx=of)
    users = secret("users", "other", auth="a:$5$x$y")
    (backend,) = routes(TEA, users, given).backends.values()
    assert "own namespace" in backend.problem
    assert compile(TEA, tls_secret("cafe", HOST, "other"), ingress(
        "b", f"{HOST}/ -> tea:80", tls={"cafe": [HOST]})).certificates == ()  # fmt: skip


def test_a_key_that_is_not_the_certificates_is_refused() -> None:
    one, other = tls_secret("a", HOST)["data"], tls_secret("b", HOST, serial=1)["data"]
    mixed = secret("cafe", type="kubernetes.io/tls")
    mixed["data"] = {"tls.crt": one["tls.crt"], "tls.key": other["tls.key"]}
    given = ingress("a", f"{HOST}/ -> tea:80", tls={"cafe": [HOST]})
    assert notes(TEA, mixed, given) == [("default/a", "Invalid")]
    assert "PRIVATE KEY" in pair(state(tls_secret("a", HOST)).secrets["default/a"])


def test_one_wrong_path_leaves_the_others() -> None:
    given = ingress("a", f"{HOST}/a b -> tea:80", f"{HOST}/c -> tea:80")
    assert where(routes(TEA, given), HOST, "/c") == "tea"
    assert notes(TEA, given) == [("default/a", "Invalid")]


def test_a_regular_expression_that_can_take_long_is_refused() -> None:
    of = {"use_regex": "true"}
    for path in ("/(a+)+$", "/(?=x)y", r"/(a)\1", "/" + "x*" * 9, "/(", "/" + "a" * 600):
        given = ingress("a", f"~{HOST}{path} -> tea:80", nginx=of)
        assert notes(TEA, given) == [("default/a", "Invalid")], path


def test_an_annotation_that_guards_and_is_wrong_lets_nobody_in() -> None:
    for of in (
        {"whitelist_source_range": "10.0.0.0/99"},
        {"auth_url": "http://x/$secret"},
        {"auth_type": "digest"},
        {"auth_tls_secret": "default/ca"},
        {"proxy_ssl_verify": "on"},
        {"ssl_redirect": "perhaps"},
    ):
        given = ingress("a", f"{HOST}/ -> tea:80", nginx=of)
        (backend,) = routes(TEA, given).backends.values()
        assert backend.problem, of


def test_our_own_prefix_counts_before_ingress_nginxs() -> None:
    given = ingress(
        "a",
        f"{HOST}/ -> tea:80",
        nginx={"app_root": "/theirs"},
        annotations={"ingress.polpo.dev/app-root": "/ours"},
    )
    (backend,) = routes(TEA, given).backends.values()
    assert "/ours" in repr(backend.policy)


def test_two_ingresses_of_the_same_service_and_policy_share_a_backend() -> None:
    given = [ingress(f"i{n}", f"h{n}.example.com/ -> tea:80") for n in range(50)]
    assert len(routes(TEA, *given).backends) == 1
