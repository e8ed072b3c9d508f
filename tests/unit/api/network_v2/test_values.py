"""Kinds of attribute values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polpo.api.network_v2 import dns_names, rule_checks, values
from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.values import Kind

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KINDS = [
    values.text(5),
    values.name(),
    values.not_blank(values.text()),
    values.boolean(),
    values.integer(0, 10),
    values.one_of("a", None),
    values.uuid(),
    values.address(),
    values.prefix(),
    values.address_or_prefix(),
    values.unicast(),
    dns_names.host_name(),
    dns_names.domain(),
    values.mac(),
    values.nullable(values.mac()),
    values.list_of(values.address()),
    values.record({"a": values.text()}, {"b": values.integer()}),
    rule_checks.protocol(),
    rule_checks.ethertype(),
    rule_checks.port(),
    rule_checks.remote_prefix(),
]


@pytest.mark.parametrize("kind", KINDS)
@given(ANYTHING)
def test_anything_is_read_or_refused_and_what_is_read_stays_as_it_is(
    kind: Kind, value: Any
) -> None:
    try:
        once = kind.read(value)
    except (ValueError, NeutronError):
        return
    again = list(once) if isinstance(once, tuple) else once
    assert kind.read(again) == once


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (values.boolean(), "True", True),
        (values.boolean(), 0, False),
        (values.integer(), "7", 7),
        (values.mac(), "FA-16-3E-00-00-01", "fa:16:3e:00:00:01"),
        (values.prefix(), "10.0.0.7/24", "10.0.0.0/24"),
        (values.prefix(), "FD00:0::1/64", "fd00::/64"),
        (values.address(), "FD00::0:1", "fd00::1"),
        (values.address_or_prefix(), "10.0.0.1", "10.0.0.1"),
        (rule_checks.protocol(), "TCP", "tcp"),
        (rule_checks.protocol(), 17, "17"),
        (rule_checks.protocol(), "any", None),
        (rule_checks.ethertype(), "ipv6", "IPv6"),
        (rule_checks.port(), "443", 443),
        (rule_checks.remote_prefix(), "10.0.0.1", "10.0.0.1/32"),
        (rule_checks.remote_prefix(), "10.0.0.1/24", "10.0.0.1/24"),
    ],
)
def test_values_become_canonical(kind: Kind, given: Any, kept: Any) -> None:
    assert kind.read(given) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (values.text(), "a\0b"),
        (values.name(), "a\nb"),
        (values.name(), " a"),
        (values.integer(), True),
        (values.integer(), 1 << 40),
        (values.integer(), "9" * 5000),
        (values.mac(), "01:00:00:00:00:00"),
        (values.mac(), "00:00:00:00:00:00"),
        (values.prefix(), "10.0.0.0"),
        (values.prefix(), "10.0.0.0/255.255.255.0"),
        (values.address(), "fe80::1%eth0"),
        (values.address(), 1),
        (values.list_of(values.address()), ["10.0.0.1", "10.0.0.1"]),
        (values.uuid(), "0" * 31),
    ],
)
def test_what_is_wrong_is_refused(kind: Kind, given: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        kind.read(given)
