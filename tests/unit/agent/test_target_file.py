"""The target on disk: what is read back is what was said, whatever happened in between."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polpo.agent import target_file
from polpo.agent.target import Target
from polpo.agent.target_file import TargetFile, replay, snapshot
from polpo.target import wire
from polpo.target.rows import Endpoint
from polpo.target.wire import RevisionLine, SliceLine

NUMBERS = st.integers(0, 20)


def endpoint(number: int) -> Endpoint:
    return Endpoint(f"p{number}", f"02:00:00:00:00:{number:02x}", "192.0.2.1")


LINES = st.builds(
    lambda name, full, rows, gone, dropped: SliceLine(
        name, full, tuple(map(endpoint, rows)), tuple(f"endpoint/p{n}" for n in gone), dropped
    ),
    st.sampled_from(["network/1", "network/2", "hosts"]),
    st.booleans(),
    st.lists(NUMBERS, max_size=4),
    st.lists(NUMBERS, max_size=3),
    st.sampled_from([False, False, False, True]),
)
BATCHES = st.lists(st.lists(LINES, max_size=4), min_size=1, max_size=8)


def said(batches: list[list[SliceLine]]) -> list[bytes]:
    """The text of each batch, with its revision."""
    return [
        b"".join(map(wire.encode_line, batch)) + wire.encode_line(RevisionLine(number))
        for number, batch in enumerate(batches, start=1)
    ]


def heard(text: bytes) -> Target:
    target = Target("h")
    replay(text, target)
    return target


@given(BATCHES)
def test_a_snapshot_says_the_same_as_all_that_led_to_it(batches: list[list[SliceLine]]) -> None:
    target = heard(b"".join(said(batches)))
    again = heard(b"".join(snapshot(target.slices, target.revision)))
    assert (again.slices, again.revision) == (target.slices, target.revision)


@given(BATCHES, st.data())
def test_a_torn_tail_is_as_if_the_last_batch_was_not_said(
    batches: list[list[SliceLine]], data: st.DataObject
) -> None:
    texts = said(batches)
    whole, last = b"".join(texts[:-1]), texts[-1]
    cut = data.draw(st.integers(0, len(last) - 1))
    torn = heard(whole + last[:cut])
    assert torn.slices == heard(whole).slices
    assert replay(whole + last[:cut], Target("h")) == len(whole)


@given(batches=BATCHES)
def test_what_is_read_back_is_what_was_held(
    batches: list[list[SliceLine]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Compaction, at any moment, changes nothing."""
    path = tmp_path_factory.mktemp("state") / "target.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target_file, "SMALLEST_BYTES", 300)
        file, target = TargetFile(path), Target("h")
        for text in said(batches):
            replay(text, target)
            file.append(text, target)
    again = Target("h")
    TargetFile(path).load(again)
    assert (again.slices, again.revision) == (target.slices, target.revision)


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    file, target = TargetFile(tmp_path / "target.jsonl"), Target("h")
    for number in range(3000):
        (text,) = said([[SliceLine("network/1", rows=(endpoint(number % 20),))]])
        replay(text, target)
        file.append(text, target)
    assert (tmp_path / "target.jsonl").stat().st_size <= target_file.SMALLEST_BYTES


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file, target = TargetFile(tmp_path / "target.jsonl"), Target("h")
    file.append(wire.encode_line(RevisionLine(1)), target)
    assert (tmp_path / "target.jsonl").stat().st_mode & 0o777 == 0o600


def test_after_a_failed_write_the_whole_is_rewritten(tmp_path: Path) -> None:
    """The directory is missing at first, as a disk might be."""
    path = tmp_path / "later" / "target.jsonl"
    file, target = TargetFile(path), Target("h")
    texts = said([[SliceLine("hosts")], [SliceLine("network/1", rows=(endpoint(1),))]])
    replay(texts[0], target)
    file.append(texts[0], target)
    assert file.trouble
    assert file.errors == 1
    path.parent.mkdir()
    replay(texts[1], target)
    file.append(texts[1], target)
    assert file.trouble is None
    assert heard(path.read_bytes()).slices == target.slices


def test_new_data_follows_a_torn_tail_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "target.jsonl"
    texts = said([[SliceLine("hosts")], [SliceLine("network/1", rows=(endpoint(1),))]])
    path.write_bytes(texts[0] + texts[1][:20])
    file, target = TargetFile(path), Target("h")
    file.load(target)
    assert target.revision == 1
    replay(texts[1], target)
    file.append(texts[1], target)
    assert heard(path.read_bytes()).slices == target.slices


@given(BATCHES, st.data())
def test_one_spoilt_byte_keeps_no_agent_from_starting(
    batches: list[list[SliceLine]], data: st.DataObject
) -> None:
    """Whatever it is: an agent that could not read its file would not come back."""
    text = bytearray(b"".join(said(batches)))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    whole = replay(bytes(text), Target("h1"))
    assert whole == 0 or text[whole - 1 : whole] == b"\n"


def test_a_byte_that_is_no_text_ends_what_counts() -> None:
    first, second = said([[SliceLine("hosts", True)], [SliceLine("hosts", True)]])
    spoilt = second.replace(b"hosts", b"h\xffsts")
    assert replay(first + spoilt, Target("h1")) == len(first)
