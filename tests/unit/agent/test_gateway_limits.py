"""What the limits of floating IPs come to, and how one set of them becomes another."""

import msgspec
import pytest
from tests.unit.agent.test_gateway import ROW

from polpo.agent.gateway import limits
from polpo.agent.gateway.ruleset import ruleset
from polpo.target.rows import FloatingLimits, Gateway, Limit

A, B = "203.0.113.9", "203.0.113.10"
FAST, SLOW = Limit(8000, 9000), Limit(8, 0)


def limited(*of: FloatingLimits) -> Gateway:
    return msgspec.structs.replace(ROW, limits=of)


def added(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("add")]


def test_a_bucket_holds_a_seconds_worth_or_the_burst_or_the_largest_packet() -> None:
    for limit, rate, burst in (
        (FAST, 1_000_000, 125_000),
        (Limit(8000, 6400), 1_000_000, 0),
        (SLOW, 1000, 64_536),
        (Limit(1_000_000, 2**31), 125_000_000, 2**32 - 1),
    ):
        first = added(limits.written(limited(FloatingLimits(A, ingress=limit))))[0]
        assert f"{{ rate over {rate} bytes/second burst {burst} bytes; }}" in first


def test_without_limits_there_is_no_table() -> None:
    nothing = ["table inet polpo-limits", "delete table inet polpo-limits"]
    assert limits.written(ROW).splitlines() == nothing
    assert limits.written(limited(FloatingLimits(A, dscp=1))).splitlines() == nothing
    assert limits.written(limited(FloatingLimits(A, Limit(2**31 - 1, 0)))).splitlines() == nothing
    assert limits.changed(ROW, ROW) == ""
    assert limits.changed(limited(FloatingLimits(A, FAST)), ROW) == limits.written(ROW)


def test_each_direction_has_its_limit() -> None:
    assert added(limits.written(limited(FloatingLimits(A, FAST, SLOW)))) == [
        f"add limit inet polpo-limits in-{A}-1000000-125000"
        " { rate over 1000000 bytes/second burst 125000 bytes; }",
        f"add limit inet polpo-limits out-{A}-1000-64536"
        " { rate over 1000 bytes/second burst 64536 bytes; }",
        f'add element inet polpo-limits received {{ {A} : "in-{A}-1000000-125000" }}',
        f'add element inet polpo-limits sent {{ {A} : "out-{A}-1000-64536" }}',
    ]


def test_one_that_changes_is_taken_away_and_another_put_and_no_other_is_named() -> None:
    before = limited(FloatingLimits(A, FAST, SLOW), FloatingLimits(B, FAST, SLOW))
    now = limited(FloatingLimits(A, FAST, FAST), FloatingLimits(B, FAST, SLOW, dscp=1))
    assert limits.changed(before, now).splitlines() == [
        f"delete element inet polpo-limits sent {{ {A} }}",
        f"add limit inet polpo-limits out-{A}-1000000-125000"
        " { rate over 1000000 bytes/second burst 125000 bytes; }",
        f'add element inet polpo-limits sent {{ {A} : "out-{A}-1000000-125000" }}',
        f"delete limit inet polpo-limits out-{A}-1000-64536",
    ]


def test_a_thousand_limits_are_no_more_rules_than_one() -> None:
    def rules(count: int) -> int:
        row = limited(*(FloatingLimits(f"203.0.113.{n}", FAST, SLOW, 7) for n in range(count)))
        text = ruleset(row) + limits.written(row)
        return sum(not line.startswith("add") for line in text.splitlines())

    assert rules(1) == rules(200)


def test_marks_are_chains_by_address() -> None:
    row = limited(FloatingLimits(A, dscp=46), FloatingLimits(B, dscp=0))
    assert f"{A} : jump dscp46, {B} : jump dscp0" in ruleset(row)
    assert "marks" not in ruleset(limited(FloatingLimits(A, FAST)))


@pytest.mark.parametrize(
    "of",
    [
        FloatingLimits('9" }; drop', FAST),
        FloatingLimits("fd00::1", FAST),
        FloatingLimits(A, Limit(0, 0)),
        FloatingLimits(A, dscp=64),
    ],
)
def test_rules_are_not_made_of_nonsense(of: FloatingLimits) -> None:
    with pytest.raises(ValueError, match=r"."):
        ruleset(limited(of)), limits.written(limited(of))
