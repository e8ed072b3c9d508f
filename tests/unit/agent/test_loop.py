"""When the loop looks at all, and what it does before that."""

import asyncio

from polpo.agent.loop import Loop
from polpo.agent.patience import Patience
from polpo.agent.target import Target
from polpo.target.wire import Line

OWN, OTHERS = "host/h1", "network/7"


class Kernel:
    """Rows, steps and world at once: what is done, in order."""

    noun = "all"

    def __init__(self) -> None:
        self.done: list[str] = []

    def hear(self, batch: list[Line]) -> bool:
        return False

    def write(self) -> None:
        self.done.append("rows")

    def look(self) -> None:
        self.done.append("look")

    def put(self) -> None:
        self.done.append("put")

    def remove(self) -> None:
        self.done.append("remove")

    def tidy(self) -> None:
        self.done.append("tidy")

    def take(self) -> list[str]:
        taken, self.done = self.done, []
        return taken


class Scene:
    def __init__(self) -> None:
        self.kernel, self.target = Kernel(), Target("h1")
        self.target.known = True
        patience = Patience(lambda: 0.0)
        kernel = self.kernel
        self.loop = Loop(self.target, kernel, kernel, [kernel], patience, lambda: 0.0)

    def errand(self, name: str) -> bool:
        return self.loop.errand(lambda: not self.kernel.done.append(name))  # type: ignore[func-returns-value]


PASS = ["look", "put", "remove", "tidy"]


def test_before_the_first_pass_there_are_no_errands_and_no_rows_are_written() -> None:
    scene = Scene()
    assert not scene.errand("pod")
    scene.loop.moved([Line(slice=OTHERS)])
    assert scene.loop.behind
    assert not scene.kernel.done
    scene.loop.converge()
    assert not scene.loop.behind
    assert scene.kernel.take() == PASS


def test_rows_are_written_when_they_are_heard_also_if_more_has_to_follow() -> None:
    scene = Scene()
    scene.loop.converge()
    scene.kernel.take()
    scene.loop.moved([Line(slice=OTHERS)])
    scene.loop.moved([Line(slice=OWN)])
    assert scene.kernel.take() == ["rows", "rows"]
    assert not scene.loop.behind


def test_what_waits_for_a_pass_is_not_reached_by_rows_that_come_after_it() -> None:
    scene = Scene()
    scene.loop.converge()
    for revision, slice in ((1, OWN), (2, OTHERS)):
        scene.target.revision = revision
        scene.loop.moved([Line(slice=slice)])
    assert scene.loop.reached == 0
    scene.loop.converge()
    assert scene.loop.reached == 2
    scene.target.revision = 3
    scene.loop.moved([Line(slice=OTHERS)])
    assert scene.loop.reached == 3


def test_who_waits_is_told_when_rows_are_written() -> None:
    async def wait() -> None:
        scene = Scene()
        scene.loop.converge()
        waiter = asyncio.ensure_future(scene.loop.next_pass())
        await asyncio.sleep(0)
        scene.loop.moved([Line(slice=OWN)])
        await waiter

    asyncio.run(wait())


def test_an_errand_is_done_at_once_and_one_pass_looks_at_what_many_have_done() -> None:
    async def follow() -> list[str]:
        scene = Scene()
        scene.loop.converge()
        scene.kernel.take()
        running = asyncio.ensure_future(scene.loop.run())
        for name in ("first", "second"):
            assert scene.errand(name)
            await asyncio.sleep(0)
        await scene.loop.next_pass()
        running.cancel()
        return scene.kernel.take()

    assert asyncio.run(follow()) == ["first", "second", *PASS]


def test_an_errand_that_the_kernel_refuses_is_the_next_passs() -> None:
    def refused() -> bool:
        raise OSError(16, "busy")

    scene = Scene()
    scene.loop.converge()
    assert not scene.loop.errand(refused)
