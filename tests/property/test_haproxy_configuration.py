"""Whatever users write: HAProxy takes the configuration, and it says no more than of other words.

Each text of a tree is replaced by any other. Either that is refused, by name, or HAProxy itself
(`haproxy -c`) accepts the outcome, which has the same directives in the same places.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from polpo.agent.balancer.proxy.configuration import configuration
from polpo.agent.balancer.proxy.settings import Settings
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Persistence,
    Pool,
)
from polpo.target.balancer import Balancer, Link

OF: dict[str, Any] = {"load_balancer_id": "lb"}
ROW = Balancer(
    vni=30,
    balancer=LoadBalancer(
        id="lb", vni=30, vip_address="10.0.0.5", vip_network_id="n", vip_port_id="p"
    ),
    name="web",
    project="shop",
    port="transit",
    instance=3,
    priority=200,
    vips=("10.0.0.5/24", "fd00::5/64"),
    front=Link("front", "n"),
    listeners=(
        Listener(
            id="web",
            protocol="HTTP",
            protocol_port=80,
            default_pool_id="servers",
            insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Port": "true"},
            **OF,
        ),
    ),
    pools=(
        Pool(
            id="servers",
            protocol="HTTP",
            lb_algorithm="ROUND_ROBIN",
            session_persistence=Persistence("APP_COOKIE", "session"),
            **OF,
        ),
    ),
    members=(Member(id="m", pool_id="servers", address="10.0.0.6", protocol_port=80, **OF),),
    monitors=(
        HealthMonitor(
            id="h",
            pool_id="servers",
            type="HTTP",
            delay=5,
            timeout=3,
            max_retries=2,
            domain_name="example.org",
            **OF,
        ),
    ),
    policies=(
        L7Policy(
            id="url",
            listener_id="web",
            action="REDIRECT_TO_URL",
            position=1,
            redirect_url="http://example.org/",
            **OF,
        ),
        L7Policy(
            id="prefix",
            listener_id="web",
            action="REDIRECT_PREFIX",
            position=2,
            redirect_prefix="https://example.org",
            **OF,
        ),
    ),
    rules=(
        L7Rule(
            id="a",
            l7policy_id="url",
            type="HEADER",
            compare_type="EQUAL_TO",
            key="X-A",
            value="b",
            **OF,
        ),
        L7Rule(
            id="b", l7policy_id="url", type="PATH", compare_type="STARTS_WITH", value="/b", **OF
        ),
        L7Rule(
            id="c",
            l7policy_id="prefix",
            type="COOKIE",
            compare_type="CONTAINS",
            key="c",
            value="d",
            **OF,
        ),
    ),
)
TEXTS = (
    ("listeners", 0, "id"),
    ("pools", 0, "id"),
    ("members", 0, "id"),
    ("members", 0, "address"),
    ("members", 0, "monitor_address"),
    ("monitors", 0, "http_method"),
    ("monitors", 0, "url_path"),
    ("monitors", 0, "expected_codes"),
    ("monitors", 0, "http_version"),
    ("monitors", 0, "domain_name"),
    ("policies", 0, "redirect_url"),
    ("policies", 1, "redirect_prefix"),
    ("rules", 0, "key"),
    ("rules", 0, "value"),
    ("rules", 1, "value"),
    ("rules", 2, "key"),
    ("rules", 2, "value"),
)
"""Where users' words are: the row's field, which one of it, the object's field."""

nasty = st.sampled_from(
    ["'", '"', "\\", "\n", "\r", "\0", "$HOME", "%[src]", "%", "#", "{", "}", "if TRUE", " ", "-m",
     "\n  http-request deny", "' \n", "a b", "\\'", ",", ")", "(", "é", "\u2028", "--", "!"]
)  # fmt: skip
texts = st.one_of(st.text(max_size=20), st.lists(nasty, max_size=4).map("".join))


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(TEXTS), texts)
def test_no_text_is_more_than_a_word(where: tuple[str, int, str], text: str) -> None:
    field, number, name = where
    found = list(getattr(ROW, field))
    found[number] = replace(found[number], **{name: text})
    try:
        written = written_for(replace(ROW, **{field: tuple(found)}))
    except ValueError:
        return
    ours, plain = directives(written), directives(written_for(ROW))
    if text:  # without it there may be fewer
        assert len(ours) == len(plain) or field == "listeners" or name == "id"
    assert set(ours) <= set(plain)
    assert accepted(written) == ""


def test_what_it_is_made_from_is_accepted() -> None:
    assert accepted(written_for(ROW)) == ""


@pytest.mark.parametrize("path", [Path("/tmp/a'b c"), Path("/tmp/$HOME")])
def test_places_are_words_as_well(path: Path) -> None:
    assert accepted(configuration(ROW, Settings(path))) == ""


def written_for(row: Balancer) -> str:
    return configuration(row, Settings(Path("/run/polpo/balancers/30")))


def directives(text: str) -> list[str]:
    """The first word of each line."""
    lines = [line for line in text.split("\n") if line.strip()]
    return [line.split()[0] for line in lines]


def accepted(text: str) -> str:
    """What it says against it; nothing if it takes it."""
    done = subprocess.run(
        ["haproxy", "-c", "-q", "-f", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    alerts = [line for line in done.stderr.splitlines() if "[ALERT]" in line]
    return "" if done.returncode in (0, 2) and not alerts else done.stderr
