"""What is said of ingress-nginx's annotations."""

from pathlib import Path

from polpo.ingress.carrying import HARMLESS, KNOWN, REFUSED, findings

GUIDE = Path(__file__).parents[3] / "docs/guides/coming-from-ingress-nginx.md"


def test_no_annotation_is_two_things() -> None:
    assert not KNOWN & REFUSED.keys()
    assert not KNOWN & HARMLESS.keys()
    assert not REFUSED.keys() & HARMLESS.keys()


def test_the_guide_names_them_all() -> None:
    text = GUIDE.read_text()
    assert not [key for key in (*KNOWN, *REFUSED, *HARMLESS) if f"`{key}`" not in text]


def test_a_mistyped_one_is_answered_with_what_was_meant() -> None:
    (found,) = findings({"proxy-read-timeot": "5"})
    assert (found.carries, found.why) == ("no", "nobody knows it; proxy-read-timeout?")
