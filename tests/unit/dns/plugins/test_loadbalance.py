"""`loadbalance weighted`: who is first, how often."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from polpo.dns.plugins.loadbalance.weights import read_weights
from polpo.testing.resolver import Resolver, shown

Serve = Callable[[str], Resolver]
COREFILE = """. {
    loadbalance weighted FILE {
        reload 10ms
    }
    hosts /nonexistent {
        10.0.0.1 a.test b.test
        10.0.0.2 a.test b.test
        10.0.0.3 a.test b.test
    }
}
"""


async def firsts(resolver: Resolver, name: str) -> Counter[str]:
    answers = [shown((await resolver.ask(name)).answer) for _ in range(600)]
    assert {len(set(answer)) for answer in answers} == {3}
    return Counter(answer[0].split()[-1] for answer in answers)


async def test_an_address_is_first_as_often_as_its_weight_says(
    serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "weights"
    file.write_text("a.test\n10.0.0.1 250\n10.0.0.2 50\n")
    resolver = serve(COREFILE.replace("FILE", str(file)))
    found = await firsts(resolver, "a.test")
    assert found["10.0.0.1"] > 2 * found["10.0.0.2"] > 0
    assert await firsts(resolver, "b.test") == {"10.0.0.1": 600}


async def test_another_file_is_taken_and_a_wrong_one_is_not(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "weights"
    file.write_text("a.test\n10.0.0.1 255\n")
    resolver = serve(COREFILE.replace("FILE", str(file)))
    running = [asyncio.ensure_future(feed.run()) for feed in resolver.feeds]
    file.write_text("b.test\n10.0.0.3 255\n10.0.0.1 0\n")
    while "line 3: 0: a weight is" not in capsys.readouterr().out:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.01)
    assert (await firsts(resolver, "a.test")).most_common(1)[0][0] == "10.0.0.1"
    file.write_text("b.test\n10.0.0.3 255\n")
    while (await firsts(resolver, "b.test"))["10.0.0.3"] < 500:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.01)
    for task in running:
        task.cancel()


@pytest.mark.parametrize("text", ["10.0.0.1 5", "a.test\n1.2.3 5", "a.test\n1.2.3.4 5 6"])
def test_what_is_no_weight_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        read_weights(text)
