"""A second Ingress for the same paths, that gets some of the requests (ingress-nginx's canary).

By header, then by cookie (`always`, `never`), else by weight; as ingress-nginx documents it.
"""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.plan import Backend, Condition, Entry, Share
from polpo.ingress.regex import checked
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import token

KEYS = ("canary", "canary-weight", "canary-weight-total", "canary-by-header",
        "canary-by-header-value", "canary-by-header-pattern", "canary-by-cookie")  # fmt: skip


def is_one(given: Annotations) -> bool:
    return given.all.get("canary", "").strip().lower() == "true"


def entries(given: Annotations, of: Entry, other: Backend) -> Iterator[Entry]:
    """In place of `of`: the path's entries, those with conditions first."""
    main = of.shares[0].backend
    total = given.number("canary-weight-total", 1, 1_000_000, 100)
    weight = given.number("canary-weight", 0, total, 0)
    by_header, by_cookie = given.text("canary-by-header"), given.text("canary-by-cookie")
    try:
        conditions = [
            *_of_header(given, by_header, other, main),
            *_of_cookie(by_cookie, other, main),
        ]
    except ValueError as error:
        raise Wrong(str(error)) from None
    for rank, (condition, to) in enumerate(conditions):
        yield Entry(of.how, of.path, (Share(to),), (condition,), (rank,), of.owner)
    shares = [Share(main, total - weight), Share(other, weight)]
    yield Entry(
        of.how, of.path, tuple(s for s in shares if s.weight), (), (len(conditions),), of.owner
    )


def _of_header(
    given: Annotations, name: str, other: Backend, main: Backend
) -> Iterator[tuple[Condition, Backend]]:
    if not name:
        return
    token(name)
    value, pattern = given.text("canary-by-header-value"), given.text("canary-by-header-pattern")
    if value:
        yield Condition("header", name, value), other
    elif pattern:
        yield Condition("header", name, checked(pattern), "regex"), other
    else:
        yield Condition("header", name, "always"), other
        yield Condition("header", name, "never"), main


def _of_cookie(name: str, other: Backend, main: Backend) -> Iterator[tuple[Condition, Backend]]:
    if name:
        token(name)
        yield Condition("cookie", name, "always"), other
        yield Condition("cookie", name, "never"), main
