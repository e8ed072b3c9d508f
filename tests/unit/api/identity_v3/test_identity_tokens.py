"""A token says what was signed, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polpo.api.identity_v3.tokens import BadToken, Claims, iso, microseconds, read, sign

MOMENTS = st.integers(0, 4_000_000_000_000_000)
CLAIMS = st.builds(
    Claims,
    id=st.text(max_size=30),
    user_id=st.text(max_size=40),
    scope=st.text(max_size=40),
    methods=st.lists(st.text(max_size=20), max_size=3).map(tuple),
    issued_us=MOMENTS,
    expires_us=MOMENTS,
    parent=st.text(max_size=30),
    application_credential_id=st.text(max_size=30),
)
KEYS = st.binary(min_size=32, max_size=32)


@given(CLAIMS, KEYS, KEYS)
def test_what_one_of_the_keys_signed_is_read_as_it_was(
    claims: Claims, old: bytes, new: bytes
) -> None:
    assert read(sign(claims, old), [new, old]) == claims


@given(CLAIMS, KEYS, KEYS)
def test_another_key_did_not_sign_it(claims: Claims, ours: bytes, theirs: bytes) -> None:
    if ours != theirs:
        with pytest.raises(BadToken):
            read(sign(claims, theirs), [ours])


@given(CLAIMS, KEYS, st.data())
def test_a_token_with_any_one_character_changed_is_refused(
    claims: Claims, key: bytes, data: st.DataObject
) -> None:
    token = sign(claims, key)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda c: c != token[at]))
    with pytest.raises(BadToken):
        read(token[:at] + other + token[at + 1 :], [key])


@given(CLAIMS, KEYS, st.sampled_from(["=", "\n", ".", "A", " "]))
def test_a_token_has_one_spelling_only(claims: Claims, key: bytes, more: str) -> None:
    for spelling in (sign(claims, key) + more, more + sign(claims, key)):
        with pytest.raises(BadToken):
            read(spelling, [key])


@given(st.text(), KEYS)
def test_no_text_that_was_not_signed_is_a_token(text: str, key: bytes) -> None:
    with pytest.raises(BadToken):
        read(text, [key])


@given(MOMENTS)
def test_times_are_read_as_they_were_written(us: int) -> None:
    assert microseconds(iso(us)) == us
