"""What differs between a tree that is wanted and one that is shown; subnets of floating IPs."""

from typing import Any

import pytest

from polpo.cloud.annotations import Unusable
from polpo.cloud.floating import matching
from polpo.cloud.tree import different
from polpo.cloud.wanted import Floating


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"allowed_cidrs": []}, {"allowed_cidrs": None}),
        ({"allowed_cidrs": ["b", "a"]}, {"allowed_cidrs": ["a", "b"]}),
        ({"default_tls_container_ref": None}, {"default_tls_container_ref": ""}),
        ({"insert_headers": {}}, {}),
        (
            {"session_persistence": {"type": "SOURCE_IP"}},
            {"session_persistence": {"type": "SOURCE_IP", "cookie_name": None}},
        ),
    ],
)
def test_nothing_is_the_same_however_it_is_spelt(
    wanted: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert different(wanted, shown) == {}


def test_what_differs_is_sent_and_no_more() -> None:
    wanted = {"connection_limit": 5, "timeout_client_data": 1}
    shown = {"connection_limit": -1, "timeout_client_data": 1}
    assert different(wanted, shown) == {"connection_limit": 5}


SUBNETS = [
    {"name": "public-1", "tags": ["cheap", "slow"]},
    {"name": "public-2", "tags": ["fast"]},
    {"name": "dmz", "tags": []},
]


@pytest.mark.parametrize(
    ("name", "tags", "found"),
    [
        ("public-*", "", ["public-1", "public-2"]),
        ("!public-*", "", ["dmz"]),
        ("~public-[12]", "", ["public-1", "public-2"]),
        ("~public", "", []),
        ("", "cheap,fast", ["public-1", "public-2"]),
        ("", "&cheap,slow", ["public-1"]),
        ("", "!cheap,fast", ["dmz"]),
        ("", "!&cheap,slow", ["public-2", "dmz"]),
        ("public-*", "fast", ["public-2"]),
    ],
)
def test_subnets_are_chosen_by_name_and_tags(name: str, tags: str, found: list[str]) -> None:
    chosen = matching(SUBNETS, Floating(subnet=name, subnet_tags=tags))
    assert [subnet["name"] for subnet in chosen] == found


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(Unusable, match="floating-subnet"):
        matching(SUBNETS, Floating(subnet="~("))
