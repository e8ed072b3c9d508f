"""Label selectors, as text and as objects."""

import pytest

from polpo.kube.selectors import (
    Expression,
    LabelSelector,
    Requirement,
    matches,
    parse,
    requirements,
)

LABELS = {"app": "web", "tier": "front", "size": "7", "example.com/team": "a"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=back", False),
        ("app != web", False),
        ("none!=x", True),
        ("environment in (staging, qa),app=web", False),
        ("app in (api,web)", True),
        ("app notin (api)", True),
        ("none notin (api)", True),
        ("app", True),
        ("!app", False),
        ("! none", True),
        ("size>6,size<8", True),
        ("size>7", False),
        ("tier>7", False),
        ("example.com/team=a", True),
        ("app=", False),
    ],
)
def test_a_selector_in_text_holds_or_does_not(text: str, holds: bool) -> None:
    assert matches(parse(text), LABELS) == holds


@pytest.mark.parametrize(
    "text", ["a b", "=x", "a=b=c", "a in b", "a in (b", ",", "a,,b", "-a", "a=b!", "a>x", "a=(x)"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse(text)


def test_an_objects_selector_asks_for_all_of_its_parts() -> None:
    selector = LabelSelector({"app": "web"}, (Expression("size", "Exists"),))
    assert requirements(selector) == (
        Requirement("app", "In", ("web",)),
        Requirement("size", "Exists"),
    )
    assert matches(requirements(selector), LABELS)
    assert not matches(requirements(selector), {"app": "web"})
    assert matches(requirements(LabelSelector()), None)
