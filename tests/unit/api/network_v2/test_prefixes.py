"""Sets of prefixes."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from polpo.api.network_v2 import prefixes

SUBNETS = st.sets(
    st.tuples(st.integers(0, 255), st.integers(24, 28)).map(
        lambda t: str(ip_network(f"10.0.{t[0]}.0/{t[1]}", strict=False))
    ),
    max_size=20,
)


@given(SUBNETS, st.integers(20, 30))
def test_a_free_prefix_is_inside_the_pool_and_overlaps_nothing(
    taken: set[str], length: int
) -> None:
    pool = ["10.0.0.0/17", "10.0.128.0/17"]
    found = prefixes.first_free(pool, taken, length)
    if found is None:
        assert length < 25
        assert len(taken) > 8
        return
    assert ip_network(found).prefixlen == length
    assert prefixes.contained(pool, found)
    assert not prefixes.overlapping(taken, [found])


@given(SUBNETS)
def test_what_is_left_and_what_was_taken_make_the_whole(taken: set[str]) -> None:
    left = prefixes.without(["10.0.0.0/16"], taken)
    assert not prefixes.overlapping(left, taken)
    assert prefixes.compact([*left, *taken]) == ("10.0.0.0/16",)


def test_a_full_pool_has_nothing_free() -> None:
    assert prefixes.first_free(["10.0.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"], 30) is None
