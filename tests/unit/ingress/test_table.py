"""Which Service a host and a path lead to."""

import pytest

from polpo.ingress.plan import Backend, Condition, Entry, Plan, Share, Site, Target
from polpo.ingress.table import GRAIN, table
from polpo.testing.kubernetes.ingresses import ingress
from polpo.testing.kubernetes.objects import service
from polpo.testing.routes import routes, where

SERVICES = [service(name, ports="http:tcp:80") for name in "abcd"]


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ("h/", "/anything", True),
        ("h/foo", "/foo", True),
        ("h/foo", "/foo/", True),
        ("h/foo/", "/foo", True),
        ("h/foo/", "/foo/", True),
        ("h/foo", "/foobar", False),
        ("h/aaa/bb", "/aaa/bbb", False),
        ("h/aaa/bbb", "/aaa/bbb/ccc", True),
        ("h/aaa/bbb", "/aaa/bbbxyz", False),
        ("=h/foo", "/foo", True),
        ("=h/foo", "/bar", False),
        ("=h/foo", "/foo/", False),
        ("=h/foo/", "/foo", False),
        ("h/x.y+z", "/x.y+z/a", True),
    ],
)
def test_paths_match_as_kubernetes_documents_it(rule: str, path: str, fits: bool) -> None:
    made = routes(*SERVICES, ingress("i", f"{rule} -> a:80"))
    assert where(made, "h", path) == ("a" if fits else "")


def test_the_longest_prefix_wins_and_an_exact_path_over_all() -> None:
    made = routes(
        *SERVICES, ingress("i", "h/ -> a:80", "h/x -> b:80", "h/x/y -> c:80", "=h/x/y -> d:80")
    )
    asked = {"/": "a", "/x": "b", "/x/z": "b", "/x/y": "d", "/x/y/": "c", "/xy": "a"}
    assert {path: where(made, "h", path) for path in asked} == asked


def test_a_host_is_exact_then_wildcard_then_any() -> None:
    made = routes(*SERVICES, ingress("i", "a.x.io/ -> a:80", "*.x.io/ -> b:80", "/ -> c:80"))
    asked = {"a.x.io": "a", "b.x.io": "b", "x.io": "c", "a.b.x.io": "c", "y.io": "c"}
    assert {host: where(made, host, "/") for host in asked} == asked


def test_where_one_path_is_a_regular_expression_the_longest_text_is_asked_first() -> None:
    made = routes(
        *SERVICES,
        ingress("i", "~h/foo/bar/.+ -> a:80", "~h/foo/.* -> b:80", nginx={"use_regex": "true"}),
        ingress("j", "h/foo/bar/bar -> c:80", "=h/foo/exact -> d:80"),
    )
    asked = {"/foo/bar/1": "a", "/FOO/x": "b", "/foo/bar/bar/1": "c", "/foo/exact": "d", "/x": ""}
    assert {path: where(made, "h", path) for path in asked} == asked


def test_what_does_not_fit_falls_to_the_next_less_special_entry() -> None:
    entries = (
        _entry("/a/b", "a", Condition("header", "x", "1")),
        _entry("/a/b", "b", Condition("method", "", "POST")),
        _entry("/a", "c", Condition("query", "q", "1")),
        _entry("/", "d"),
    )
    made = table(Plan(sites=(Site("h", entries),)))
    group = made.groups[made.prefix["|h/a/b/"]]
    services = [made.backends[to].target for _, to in group]
    assert [target.service for target in services if target] == ["a", "b", "c", "d"]
    assert group[-1][0] == ()
    assert len(made.groups[made.prefix["|h/a/"]]) == 2
    assert made.prefix["|h/"].startswith("b.")


def test_shares_are_whole_grains_that_come_to_all() -> None:
    shares = tuple(Share(_backend(str(n)), weight) for n, weight in enumerate((1, 1, 1, 0)))
    made = table(Plan(sites=(Site("h", (Entry("prefix", "/", shares),)),)))
    (split,) = made.splits.values()
    assert sum(grains for _, grains in split) == GRAIN
    assert [grains for _, grains in split] == [333, 334, 333]


def test_a_backend_has_the_same_name_wherever_it_is_worked_out() -> None:
    one = _backend("a")
    assert one.name == _backend("a").name
    assert one.name != Backend(one.target, (), "h2c").name


def _backend(service: str) -> Backend:
    return Backend(Target("default", service, 80))


def _entry(path: str, service: str, *conditions: Condition) -> Entry:
    return Entry("prefix", path, (Share(_backend(service)),), conditions)
