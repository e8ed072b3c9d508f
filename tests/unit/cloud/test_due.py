"""What is due is taken once, and again when it was touched meanwhile."""

import asyncio

from polpo.cloud.due import Due


async def test_a_key_that_is_added_twice_is_taken_once() -> None:
    due = Due()
    due.add("a")
    due.add("a")
    due.add("b")
    assert [await due.take(), await due.take()] == ["a", "b"]


async def test_a_key_that_is_touched_while_it_is_worked_on_comes_again_after_that() -> None:
    due = Due()
    due.add("a")
    assert await due.take() == "a"
    due.add("a")
    waiting = asyncio.ensure_future(due.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    due.done("a")
    assert await waiting == "a"


async def test_a_key_for_later_comes_by_itself_and_at_once_if_it_is_touched() -> None:
    due = Due()
    due.add_later("a", 0.001)
    assert await due.take() == "a"
    due.done("a")
    due.add_later("a", 3600)
    due.add("a")
    assert await due.take() == "a"
