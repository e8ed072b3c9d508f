"""The example of the plugin's README is right."""

import re
from pathlib import Path

import yaml

import polpo.dns.plugins.kubernetes
from polpo.dns.plugins.kubernetes.setup import _READERS
from polpo.testing.kubernetes.asked import Asked, Shown

README = (Path(polpo.dns.plugins.kubernetes.__path__[0]) / "README.md").read_text()
FENCES = dict(re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL))
SECTIONS = {"=": 1, "!": 2, "+": 3}


def expectations() -> list[tuple[str, Shown]]:
    """Questions of the block `answers` and what follows them."""
    found: list[tuple[str, Shown]] = []
    for line in FENCES["answers"].splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "rcode":
            found[-1] = (found[-1][0], found[-1][1]._replace(rcode=rest))
        elif mark in SECTIONS:
            found[-1][1][SECTIONS[mark]].append(rest)  # type: ignore[union-attr]
        else:
            found.append((line, Shown("NOERROR", [], [], [])))
    return found


def test_the_example_answers_as_it_says() -> None:
    asked = Asked(FENCES["corefile"], yaml.safe_load_all(FENCES["yaml"]))
    wanted = expectations()
    assert len(wanted) == 8
    for question, shown in wanted:
        assert asked.shown(question) == shown


def test_all_options_are_in_it() -> None:
    head = README.split("```")[0]
    assert {word for word in _READERS if f"        {word}" in head} == set(_READERS)
