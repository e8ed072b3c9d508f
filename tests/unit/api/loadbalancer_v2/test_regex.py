"""Regular expressions of L7 rules: which are taken, and what is said of the others."""

import pytest

from polpo.api.loadbalancer_v2 import regex


@pytest.mark.parametrize(
    "text",
    [
        "^/a(?:b|c)+$",
        "(?i)x",
        "[.]com",
        r"\[[.]",
        r"\\1",
        "a{1",
        "x{0,3}y{2,}z{4}",
        "(?:[a-f0-9]{8}-(?:[a-f0-9]{4}-){3}[a-f0-9]{12},?){2}",
        r"^/(?:[0-9]{1,3}\.){3}[0-9]{1,3}/.{1,1000}$",
    ],
)
def test_what_all_know_alike_is_taken(text: str) -> None:
    regex.check(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(", "is not a valid regular expression: missing"),
        ("a**", "is not a valid regular expression: multiple repeat"),
        ("[[:alpha:]]", "is not a valid regular expression"),
        ("[[.a.]]", "is not a valid regular expression"),
        ("(?P<a>x)", "that all know"),
        (r"a\u0041", "that all know"),
        (r"(a)\1", "that all know"),
        ("[a-\N{CJK COMPATIBILITY IDEOGRAPH-FA6D}]", "more than ASCII"),
        (r"[\U00000000-\U0010ffff]", "that all know"),
        ("a{,5}", "that all know"),
        ("a{1001}", "more than 1000 times"),
        ("(?:){65536}", "more than 1000 times"),
        ("((a{1,200}){1,200}){1,200}", "too large"),
        ("([^a][^b]){1000}", "too large"),
    ],
)
def test_what_some_do_not_know_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        regex.check(text)
